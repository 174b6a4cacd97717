"""`declic run` when memory is short: one allocation fails, at each site of its start and of some batches.

A site is a way to get to an allocation of the program's own. In each process the first fails that has not failed in one
before it (harness/failing_memory.c, preloaded), until there is none. Each has to go on, or to end with
its sentence and exit code 1, and whoever comes after it has to find everything: every message once.

EVERY=1 takes every site (some two hundred; five minutes), EVERY=n one in n; the default is 16.
"""

import collections
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

from harness.processor import binary

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "harness" / "failing_memory.c"
LANES = 6  # deployments side by side: who has ended is thrown out of his group after six seconds only
SENTENCE = "out of memory: the process ends"
CAMPAIGNS = {"soon": """
campaign: soon
type: transactional
trigger: {event: begun, where: event.n >= 0}
entry: {key: event.n, when_pending: parallel}
cancel:
  - {event: ended, match: {event.n: trigger.n}}
steps:
  - {id: first, send: {after: 1s}, channel: push, if: profile.city != "Nowhere",
     message: {title: "{{ profile.first_name | default: 'Hello' }} {{ event.n }}"}}
  - {id: later, send: {after: 1h}, channel: push, message: {title: "later"}}
""", "price": """
campaign: price
type: event
trigger: {event: price_dropped, thing: event.product, followers: favourites}
steps:
  - {id: only, send: {after: 1s}, channel: push, message: {title: "{{ event.product }}"}}
"""}
POLICY = """
time_zone: Europe/Paris
follows:
  favourites: {on: {event: liked, thing: event.product}, off: {event: disliked, thing: event.product}, expires: 180d}
caps:
  - {labels: [never], at_most: 1, per: day, then: skip}
"""


class Lane:
    """A deployment, and what its shop wrote and must come out."""

    def __init__(self, site, number):
        self.made = site(campaigns=CAMPAIGNS, policy=POLICY, journal_partitions=2,
                         settings={"journal": {"partitions": 2, "snapshots": "2s"}}).prepare()
        self.out = self.made.reader("out.push")
        self.number, self.events, self.expected = number, 0, set()

    def shop(self):
        """A little of everything; the user's order cancels what is an hour away."""
        self.events += 1
        n, user, thing = self.events, f"u{self.events}", f"p{self.events}"
        self.made.topics.put(self.made.profiles, user, {"user": user, "attributes": {"first_name": "Ann", "city": "Lyon"}})
        self.made.topics.put(self.made.events, user, b"{")
        self.made.event(user, "liked", {"product": thing})
        self.made.event(user, "begun", {"n": n})
        self.made.topics.put(self.made.events, user, {"id": f"drop{n}", "name": "price_dropped", "time": int(time.time() * 1000),
                                                      "attributes": {"product": thing}})
        self.made.flush()
        self.expected |= {(user, f"Ann {n}"), (user, thing)}

    def came(self):
        self.out.poll(0.05)
        return {(record.json["user"], record.json["content"]["title"]) for record in self.out.records}

    def run(self, seconds=90, **environment):
        """One process, until it has ended or all that is due has come; then it is told to end. Returns its exit code."""
        running = self.made.processor(environment={name: str(value) for name, value in environment.items()}).start()
        self.shop()
        deadline = time.monotonic() + seconds
        while running.running and not self.expected <= self.came():
            assert time.monotonic() < deadline, f"{self.expected - self.came()} did not come\n{running.log_tail()}"
        code = running.stop(60)
        return code, running


@pytest.fixture
def library(folder):
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    built = folder / "failing_memory.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", SOURCE, "-o", built], check=True)
    return built


def places(line):
    """Where a site is, for people."""
    asked = ["addr2line", "-s", "-f", "-e", str(binary()), *line.split()[1:]]
    if not shutil.which("addr2line"):
        return line
    told = subprocess.run(asked, text=True, capture_output=True).stdout.split("\n")
    return " < ".join(told[0::2])


def test_each_allocation_may_fail(site, folder, library):
    lanes = [Lane(site, number) for number in range(LANES)]
    failed, every = folder / "failed", os.environ.get("EVERY", "16")
    broken, ends = [], collections.Counter()

    def work(lane):
        told = folder / f"told{lane.number}"
        line = None
        while line != "":
            told.write_text("")
            try:
                code, running = lane.run(LD_PRELOAD=library, DECLIC_MEMORY_FAILED=failed, DECLIC_MEMORY_SHARE=every,
                                         DECLIC_MEMORY_TOLD=told)
            except AssertionError as error:
                broken.append(f"{places(told.read_text())}: {error}")
                return
            line = told.read_text()
            said = SENTENCE in running.log
            ends["nothing failed" if not line else "ended" if said else "gone on"] += 1
            if code != (1 if said else 0):
                broken.append(f"exit code {code} when memory was short at {places(line)}\n{running.log_tail(8)}")

    threads = [threading.Thread(target=work, args=(lane,)) for lane in lanes]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    print(f"\nprocesses: {dict(ends)}")
    assert not broken, "\n".join(broken)
    for lane in lanes:
        code, running = lane.run()
        assert code == 0, running.log_tail()
        lane.out.drain(1.0)
        times = collections.Counter((record.json["user"], record.json["content"]["title"]) for record in lane.out.records)
        assert lane.expected <= set(times) and set(times.values()) == {1}, [what for what in times if times[what] > 1]
