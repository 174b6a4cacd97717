"""100,000 events while processes, Redis and the broker are killed: every expected message exactly once
under read_committed, none after its cancel, judged by an oracle that shares nothing with the code.

    SEED=7 EVENTS=20000 tests/e2e/run tests/fault      repeats a stream and its kills, or a shorter one
"""

import collections
import os
import random
import signal
import time

import redis

import oracle
import stream
from harness import wait
from harness.segments import TopicLog
from harness.site import now_ms
from load import Load, Watch
from verdict import note_arrivals

EVENTS = int(os.environ.get("EVENTS", 100000))
RATE = int(os.environ.get("RATE", 850))  # events a second
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
KILLS = 10
COUNTERS = ("declic_attaches_total", "declic_reattaches_total", "declic_transactions_unknown_total",
            "declic_fences_total", "declic_fold_repeats_total")
MARGIN_MS = 1000
LOST_BYTES = 200000
RECOVERY_MS = 15000


class Chaos:
    def __init__(self, site, chance):
        self.site = site
        self.chance = chance
        self.processes = site.start(2)
        self.log = TopicLog(site.services.broker_data, site.prefix + "journal")
        self.kills = collections.Counter()
        self.counted = collections.defaultdict(dict)  # process and incarnation -> metric -> last value

    def note(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def sample(self):
        for process in self.processes:
            if process.running:
                self.counted[process.name, process.process.pid].update(
                    {name: value for name, value in process.metrics().items() if name in COUNTERS})

    def counters(self):
        """What the processes said of themselves when last asked, over all that ever ran."""
        return {name.removeprefix("declic_").removesuffix("_total"): int(sum(
            metrics.get(name, 0) for metrics in self.counted.values())) for name in COUNTERS}

    def other_alive(self, process):
        return all(one.running for one in self.processes if one is not process)

    def kill(self, process):
        process.kill()
        self.kills["at random"] += 1

    def kill_inside_transaction(self, process, tries=40):
        """Stops it again and again until it stands inside an open transaction, then kills it there."""
        for _ in range(tries):
            process.signal(signal.SIGSTOP)
            time.sleep(0.1)
            before = dict(self.log.scan().open)
            time.sleep(0.2)  # the other process ends its own transactions meanwhile
            stalled = [place for place, offset in self.log.scan().open.items() if before.get(place) == offset]
            if stalled:
                process.kill()
                self.kills["inside an open transaction"] += 1
                self.note(f"killed {process.name} inside a transaction over {len(stalled)} journal partitions")
                return True
            process.signal(signal.SIGCONT)
            time.sleep(self.chance.uniform(0.01, 0.1))
        return False

    def restart(self, process):
        process.start()


def kill_at_random(chaos, load, until):
    """Each process, at random, at least KILLS times, while that share of the stream is sent."""
    while sum(chaos.kills.values()) < KILLS or load.sent < until:
        process = chaos.chance.choice(chaos.processes)
        time.sleep(chaos.chance.uniform(0.5, 4))
        chaos.sample()
        if not process.running:
            chaos.restart(process)
            continue
        if sum(chaos.kills.values()) % 3 == 2:
            if not chaos.kill_inside_transaction(process):
                chaos.kill(process)
        else:
            chaos.kill(process)
        time.sleep(chaos.chance.uniform(0, 2))
        chaos.restart(process)
    for process in chaos.processes:
        process.wait_ready(60)


def kill_one_for_a_while(chaos):
    """The survivor must take over; returns when the other died. How long it took is measured at the end."""
    victim = chaos.chance.choice(chaos.processes)
    victim.kill()
    died = now_ms()
    chaos.kills["and not restarted"] += 1
    time.sleep(RECOVERY_MS / 1000 + 1)
    chaos.restart(victim)
    victim.wait_ready(60)
    return died


def heads(services, prefix):
    """Where the view stands: every string key of this deployment that is named head, as a number."""
    client = redis.Redis.from_url(services.redis)
    found = {}
    for key in client.scan_iter(match="*head*", count=1000):
        if prefix.encode() in key and client.type(key) == b"string":
            found[key] = client.get(key)
        elif prefix.encode() in key and client.type(key) == b"hash":
            found[key] = client.hgetall(key)
    assert found, "no key named head: has the layout in Redis changed?"
    return found


def truncate_redis(chaos):
    """Kills Redis, cuts off the end of its append-only file, and starts it: acknowledged writes are gone."""
    services = chaos.site.services
    [aof] = (services.redis_data / "appendonlydir").glob("*.incr.aof")
    kept = aof.stat().st_size
    wait.until("Redis has written what is to be lost", lambda: aof.stat().st_size > kept + LOST_BYTES, 60)
    before = heads(services, chaos.site.prefix)
    services.kill("redis")
    lost = aof.stat().st_size - kept
    os.truncate(aof, kept)
    # What it holds is looked at before anybody else can write: the processes stand still meanwhile.
    for process in chaos.processes:
        process.signal(signal.SIGSTOP)
    services.start("redis")
    after = heads(services, chaos.site.prefix)
    for process in chaos.processes:
        process.signal(signal.SIGCONT)
    went_back = [key for key, value in before.items() if after.get(key) != value]
    chaos.note(f"Redis lost its last {lost} bytes; the head went back in {len(went_back)} of {len(before)} partitions")
    assert went_back, "the truncation did not take any head back"


def flush_redis(chaos):
    redis.Redis.from_url(chaos.site.services.redis).flushall()
    chaos.note("Redis was flushed")


def restart_broker(chaos):
    services = chaos.site.services
    began = now_ms()
    services.kill("kafka")
    services.start("kafka")
    chaos.note(f"the broker was killed and served again after {now_ms() - began} ms")


def judge(site, events, watch_seconds):
    """Waits for what is still to come, reads everything from the start, and compares."""
    note_arrivals(site, events, watch_seconds)
    verdicts = oracle.judge(stream.CAMPAIGNS, events, lambda event, due: event.arrived_ms <= due - MARGIN_MS)
    expected = sum(1 for verdict, _, _ in verdicts.values() if verdict == oracle.MUST)
    counts = collections.Counter()
    readers = [site.reader(name) for name in ("out.push", "out.email")]

    def read():
        for reader in readers:
            for record in reader.poll(0.1):
                counts[record.header("declic-send-id")] += 1
            reader.records.clear()
        return sum(1 for id, (verdict, _, _) in verdicts.items() if verdict == oracle.MUST and id in counts)

    last_due = max(due for _, due, _ in verdicts.values())
    deadline = time.monotonic() + max(0, last_due - now_ms()) / 1000 + watch_seconds
    while time.monotonic() < deadline and read() < expected:
        pass
    while now_ms() < last_due + 3000:  # nothing more may come
        read()
    for reader in readers:
        reader.drain(1)
        for record in reader.records:
            counts[record.header("declic-send-id")] += 1
    wrong = collections.defaultdict(list)
    for id, (verdict, due, what) in verdicts.items():
        if verdict == oracle.MUST and counts[id] == 0:
            wrong["lost"].append((what, id, due))
        if counts[id] > 1:
            wrong["more than once"].append((what, id, due))
        if verdict == oracle.NEVER and counts[id] > 0:
            wrong["sent after its cancel"].append((what, id, due))
    wrong["unknown to the oracle"] = [id for id in counts if id not in verdicts]
    return verdicts, counts, {what: found for what, found in wrong.items() if found}


def contradictions(site, verdicts, counts):
    """Decision records: each send that was scheduled and came to an end has one outcome, and it is what came out."""
    final = collections.defaultdict(set)
    for record in site.reader("decisions").drain(2, 120):
        decision = record.json
        if decision["outcome"] in ("sent", "cancelled", "skipped", "restarted"):
            final[decision["send_id"]].add(decision["outcome"])
    found = []
    for id, (verdict, _, what) in verdicts.items():
        outcomes = final.get(id, set())
        if len(outcomes) > 1 or ("sent" in outcomes) != (counts[id] > 0):
            found.append((what, id, verdict, sorted(outcomes), counts[id]))
    return found


def test_nothing_is_lost_or_sent_twice(site, own_services):
    print(f"\nSEED={SEED} EVENTS={EVENTS} RATE={RATE}")
    services = own_services(redis_conf="auto-aof-rewrite-percentage 0")  # one file, so that its end can be cut off
    site = site(on=services, campaigns=stream.FILES, journal_partitions=8, source_partitions=4, workers=2).prepare()
    chaos = Chaos(site, random.Random(SEED))
    seconds = EVENTS / RATE
    load = Load(site.topics, site.events, stream.generate(SEED, EVENTS, seconds))
    with Watch(site, ["out.push", "out.email"]) as watch:
        load.start()
        load.let(0.03, 60)
        load.let(0.55)
        kill_at_random(chaos, load, 0.5)
        load.let(0.72)
        died = kill_one_for_a_while(chaos)
        load.let(0.8)
        truncate_redis(chaos)
        load.let(0.8, 60)
        flush_redis(chaos)
        load.let(0.9, 60)
        load.let(1)
        restart_broker(chaos)
        chaos.sample()
        events = load.finish(240)
    for process in chaos.processes:
        process.wait_ready(60)
    count, recovery = watch.lateness(died, died + 2000)
    chaos.note(f"when one process died, its partitions fired again within {recovery} ms (of {count} messages then due)")

    verdicts, counts, wrong = judge(site, events, 120)
    chaos.sample()
    log = chaos.log.scan()
    kinds = collections.Counter(verdict for verdict, _, _ in verdicts.values())
    print(f"events {len(events)}, kills {dict(chaos.kills)}, transactions committed in the journal's partitions "
          f"{log.committed}, aborted {sum(log.aborted.values())} (of {len(log.aborted)} producers); "
          f"{chaos.counters()}")
    print(f"sends {len(verdicts)} ({dict(kinds)}), messages {sum(counts.values())}; "
          f"wrong: { {what: len(found) for what, found in wrong.items()} or 'none'}")
    assert not wrong, {what: found[:5] for what, found in wrong.items()}
    found = contradictions(site, verdicts, counts)
    assert not found, f"{len(found)} sends whose decision records do not fit: {found[:5]}"
    assert sum(chaos.kills.values()) > KILLS and chaos.kills["inside an open transaction"] >= 1
    assert count > 100 and recovery <= RECOVERY_MS, f"{recovery} ms, {count} messages"
    assert [process.stop() for process in chaos.processes] == [0, 0]
