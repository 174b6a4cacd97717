"""How long until messages that are due go out again: after a restart, a take-over, and a wiped Redis.

    tools/recovery --pending 100000 --pending 1000000

For each number, that many users have a send that is due next month, and a thousand more have one due at about
the instant of the event that is measured. Restart: one process, ended in order, is started again; take-over: one
of two is killed with -9; wiped: Redis is flushed under one process, which folds the journal anew. Seconds are from
that instant (or the due, when it is later) until the first and the last of the thousand could be read, so the last says when
every partition fired. Ten million need some 8 GB of memory and as much on the disk.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import redis

from harness import wait
from harness.processor import binary
from harness.services import Services
from harness.site import Site, now_ms

CAMPAIGNS = {"month": """
campaign: month
type: event
trigger: {event: cart_updated}
steps:
  - {id: only, send: {after: 30d}, channel: email, message: {subject: "Cart {{ event.cart_id }}"}}
""", "probe": """
campaign: probe
type: event
trigger: {event: probed}
entry: {key: event.due}
steps:
  - {id: only, send: {date: event.due}, channel: push, message: {title: "Hello"}}
"""}
PROBES = 1000
PARTITIONS = 64
LEAD_S = 20


def say(text):
    print(text, file=sys.stderr, flush=True)


def scheduled(processes, campaign):
    name = f'declic_outcomes_total{{campaign="{campaign}",outcome="scheduled",reason=""}}'
    return sum(process.metrics().get(name, 0) for process in processes)


class Measurement:
    def __init__(self, folder, pending, seconds):
        self.pending, self.seconds = pending, seconds
        self.services = Services(folder / "services")
        self.folder = folder
        self.site = None

    def start(self):
        self.services.up()
        self.site = Site(self.folder / "site", self.services, campaigns=CAMPAIGNS, journal_partitions=PARTITIONS,
                         source_partitions=8, workers=2, settings={"decisions": "final"}).prepare()
        self.outbound = self.site.reader("out.push")
        self.first, self.second = self.site.processor(), self.site.processor()
        self.first.start().wait_ready(self.seconds)

    def fill(self):
        """All at once: what is measured is the state, not how it came about."""
        began = time.monotonic()
        subprocess.run([binary().with_name("bench-load"), "triggers", self.services.kafka, self.site.events, str(self.pending),
                        str(now_ms())], check=True, stdout=subprocess.DEVNULL)
        wait.until("all are pending", lambda: self.pending_users() >= self.pending, self.seconds, every=0.5,
                   describe=self.pending_users)
        memory = self.client().info("memory")["used_memory"]
        say(f"{self.pending} pending after {time.monotonic() - began:.0f} s, {memory >> 20} MiB in Redis")

    def client(self):
        return redis.Redis.from_url(self.services.redis)

    def pending_users(self):
        return self.first.metrics().get("declic_pending_users", 0)

    def probe(self):
        """A thousand sends that fall due in a while; returns when."""
        due = now_ms() + LEAD_S * 1000
        before = scheduled(self.running(), "probe")
        for number in range(PROBES):
            self.site.event(f"probe-{number}", "probed", {"due": due})
        self.site.flush()
        wait.until("they are scheduled", lambda: scheduled(self.running(), "probe") >= before + PROBES, LEAD_S - 1)
        return due

    def running(self):
        return [process for process in (self.first, self.second) if process.running]

    def came(self, due, happened_ms):
        """Seconds from then until the first and the last message of that due were seen."""
        seen = []

        def all_came():
            seen.extend(record.seen_ms for record in self.outbound.poll(0.05) if int(record.header("declic-due")) == due)
            self.outbound.records.clear()
            return len(seen) >= PROBES

        wait.until("all of them came", all_came, self.seconds, every=0, describe=lambda: len(seen))
        return [(at - max(happened_ms, due)) / 1000 for at in (seen[0], seen[-1])]

    def restart(self):
        due = self.probe()
        assert self.first.stop(60) == 0
        while now_ms() < due:
            time.sleep(0.01)
        began = now_ms()
        self.first.start()
        return self.came(due, began)

    def take_over(self):
        self.second.start().wait_ready(self.seconds)
        wait.until("they share", lambda: all(process.metrics().get("declic_partitions_attached") == PARTITIONS / 2
                                             for process in self.running()), self.seconds)
        due = self.probe()
        while now_ms() < due:
            time.sleep(0.01)
        self.second.kill()  # what it had not sent by then
        killed = now_ms()
        return self.came(due, killed)

    def wiped(self):
        due = self.probe()
        while now_ms() < due - 200:
            time.sleep(0.01)
        self.client().flushall()
        return self.came(due, now_ms())

    def close(self):
        if self.site:
            self.site.close()
        self.services.down()


def measure(pending, seconds):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="declic-recovery-"))
    made = Measurement(folder, pending, seconds)
    try:
        made.start()
        made.fill()
        rows = {}
        for name, what in (("restart", made.restart), ("take-over", made.take_over), ("wiped Redis", made.wiped)):
            rows[name] = what()
            say(f"{name}: {rows[name]}")
        return rows
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pending", type=int, action="append", metavar="N", help="how many sends wait (100000); may be repeated")
    options.add_argument("--seconds", type=int, help="the longest to wait for anything (900, and more for more than five million)")
    chosen = options.parse_args()
    table = {pending: measure(pending, chosen.seconds or max(900, pending // 5000)) for pending in chosen.pending or [100000]}
    print("| pending | restart: first, last | take-over: first, last | wiped Redis: first, last |")
    print("| ---: | ---: | ---: | ---: |")
    for pending, rows in table.items():
        print(f"| {pending:,} | " + " | ".join(f"{first:.1f} s, {last:.1f} s" for first, last in rows.values()) + " |")


if __name__ == "__main__":
    main()
