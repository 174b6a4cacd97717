"""Everything that can break is broken, one thing after the other, under load: no message is lost, none comes
twice under read_committed, none after its cancel, judged by an oracle that shares nothing with the code.

    tests/e2e/run tests/fault -s                  a few minutes: some faults of each group, drawn by the seed
    FAULTS=all tests/e2e/run tests/fault -s       every fault once; FAULTS=all*3 thrice
    FAULTS=Zombie,Flushed tests/e2e/run ...       those, in that order
    FAULTS=kills tests/e2e/run ...                each process killed a dozen times, one inside a transaction, and Redis and
                                                  the broker once, in the course of 100,000 events
    SEED=7 ...                                    repeats a run's faults and stream
    RATE=400 ...                                  events a second
    TABLE=file ...                                adds the table's rows to those of earlier runs, and prints all
"""

import json
import os
import pathlib
import random

import evidence
import faults
import faults_clock
import faults_network
import faults_redis
import stream
from evidence import stamp
from harness.site import now_ms
from load import Breath, Load, Watch
from rig import Rig, wait_for
from verdict import NOTHING, Verdict, Window, add_up, print_table

SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
FAULTS = os.environ.get("FAULTS", "")
RATE = int(os.environ.get("RATE", 400 if FAULTS == "kills" else 150))
ALL = (
    faults.Kill, faults.KillInTransaction, faults.KillAndTakeOver, faults.KillBoth, faults.Zombie, faults.ProcessDoze, faults.ComeAndGo,
    faults.BrokerKill, faults.BrokerRestart, faults.BrokerDoze, faults.JournalDiskFull,
    faults_redis.Truncated, faults_redis.Flushed, faults_redis.Promoted, faults_redis.MemoryFull, faults_redis.DiskFull,
    faults_redis.RedisDoze,
    faults_network.KafkaCut, faults_network.KafkaStall, faults_network.KafkaBlink, faults_network.KafkaSlow,
    faults_network.RedisCut, faults_network.RedisStall, faults_network.RedisSlow,
    faults_clock.ClockAheadMended, faults_clock.ClockBehindMended, faults_clock.ClockAhead, faults_clock.ClockBehind,
    faults_clock.BothClocksAhead,
)
KILLS = (faults.KillBoth, faults.KillInTransaction, faults.KillBoth, faults_redis.Truncated, faults.KillBoth, faults.KillAndTakeOver,
         faults_redis.Flushed, faults.KillBoth, faults.BrokerKill)
KILLS_EACH, KILLS_EVENTS = 10, 100000
IN_SHORT = {"process": 2, "broker": 1, "Redis": 2, "network": 1, "clock": 1}
CALM_S = 13  # between two faults
MOST_S = 80  # that a fault takes, with the calm after it
RECOVERY_MS = 15000


def chosen(chance):
    """The faults of this run, in order."""
    if FAULTS.startswith("all"):
        drawn = []
        for _ in range(int(FAULTS.partition("*")[2] or 1)):
            drawn += chance.sample(ALL, len(ALL))
        return drawn
    if FAULTS == "kills":
        return list(KILLS)
    if FAULTS:
        named = {fault.__name__: fault for fault in ALL}
        return [named[name] for name in FAULTS.split(",")]
    drawn = []
    for group, count in IN_SHORT.items():
        drawn += chance.sample([fault for fault in ALL if fault.group == group and not fault.unable()], count)
    chance.shuffle(drawn)
    return drawn


def injected(rig, kind):
    fault = kind(rig)
    window = Window(kind.name, now_ms(), astray_ms=kind.astray_ms, is_kill=issubclass(kind, faults.Kill))
    try:
        fault.inject()
        window.text = fault.happened()
    except AssertionError as failure:  # the run goes on: what was done to it is judged all the same
        window.text = window.failure = f"not shown to have happened: {failure}"
    rig.sample()
    fault.heal()
    window.back_from_ms = fault.struck_ms or now_ms()
    rig.settle()
    window.settled_ms = now_ms()
    rig.note(f"{window.name}: {window.text}; settled {window.settled_ms - window.back_from_ms} ms after")
    wait_for(CALM_S)
    return window


def test_no_fault_loses_repeats_or_uncancels_a_message(site, folder):
    kinds = chosen(random.Random(SEED))
    left_out = {kind.name: kind.unable() for kind in kinds if kind.unable()}
    kinds = [kind for kind in kinds if not kind.unable()]
    print(f"\nSEED={SEED} RATE={RATE} FAULTS={','.join(kind.__name__ for kind in kinds)}")
    rig = Rig(folder, site, random.Random(SEED))
    try:
        seconds = MOST_S * (len(kinds) + 1)
        rig.load = Load(rig.site.topics, rig.site.events, stream.generate(SEED, RATE * seconds, seconds))
        windows = [Window(NOTHING, 0)]
        with Watch(rig.site, ["out.push", "out.email"]) as watch, Breath() as breath:
            rig.load.start()
            wait_for(5)
            windows[0].settled_ms = now_ms()
            wait_for(CALM_S)
            for kind in kinds:
                windows.append(injected(rig, kind))
            if FAULTS == "kills":
                rig.load.wait_sent(KILLS_EVENTS, MOST_S * len(kinds))
            rig.load.stop()
            events = rig.load.finish(300)
            verdict = Verdict(rig.site, events, windows, watch.seen, breath.strained).reach(240)
        rig.sample()
        report(rig, verdict, left_out)
        slow = verdict.slow_intake()
        if verdict.findings or slow or verdict.unknown:
            print(f"evidence: {evidence.keep(rig, folder / 'evidence', verdict, windows)}")
        assert not verdict.findings, verdict.findings[:5]
        assert not verdict.unknown, verdict.unknown[:5]
        assert not slow, f"{len(slow)} events reached the journal late though nothing was wrong: {slow[:3]}"
        for window in windows:
            assert not window.failure, f"{window.name}: {window.failure}"
            if window.is_kill and verdict.times.at_ease(window.began_ms, window.settled_ms + RECOVERY_MS):
                assert max(verdict.back_after(window)) <= RECOVERY_MS, (window, verdict.back_after(window))
        if FAULTS == "kills":
            assert len(events) >= KILLS_EVENTS and min(rig.kills[one.name] for one in rig.processes) >= KILLS_EACH
        assert [process.stop() for process in rig.processes] == [0] * len(rig.processes)
    finally:
        rig.close()


def report(rig, verdict, left_out):
    log = rig.log.scan()
    print(f"kills {dict(rig.kills)}")
    print(f"the machine was out of breath in {len(verdict.times.strained)} s, which are not judged by time")
    print(f"transactions committed in the journal's partitions {log.committed}, aborted {sum(log.aborted.values())}; " + ", ".join(
        f"{name} {rig.total(name)}" for name in ("attaches", "reattaches", "transactions_unknown", "fences", "fold_repeats")))
    for window in verdict.times.windows[1:]:
        if latest := verdict.latest(window):
            seen, due, produced, where = latest
            print(f"{window.name}: the latest message was due at {stamp(due)}, produced at {stamp(produced)}, "
                  f"seen at {stamp(seen)}: {where}")
    rows = verdict.table()
    if "TABLE" in os.environ:
        kept = pathlib.Path(os.environ["TABLE"])
        rows = add_up(json.loads(kept.read_text()) if kept.exists() else {}, rows)
        kept.write_text(json.dumps(rows))
    print_table(rows)
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")
