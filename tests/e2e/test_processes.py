"""Processes that come and go: state outlives them, partitions are shared, delivery modes."""

import time

from harness import wait
from harness.site import Site, now_ms

CAMPAIGNS = {"later": """
campaign: later
type: event
trigger: {event: seen}
entry: {key: event.n, when_pending: parallel}
cancel:
  - {event: gone, match: {event.n: trigger.n}}
steps:
  - {id: only, send: {after: 6s}, channel: push, message: {title: "{{ event.n }}"}}
"""}


def test_sigterm_ends_in_order_and_the_next_process_goes_on(site):
    made = site(campaigns=CAMPAIGNS).prepare()
    outbound = made.reader("out.push")
    first = made.start()
    first.wait_log("ready: ")
    ahead = now_ms() + 14000  # the next process has to have read the cancels before what they cancel is due
    for number in range(20):
        made.event(f"u{number}", "seen", {"n": number}, time_ms=ahead)
    made.flush()
    wait.until("they are pending", lambda: made.run("pending", "--user", "u19").stdout.count("later") == 1)
    assert first.stop() == 0
    for number in range(0, 20, 2):
        made.event(f"u{number}", "gone", {"n": number}, time_ms=ahead)
    made.flush()
    made.start()
    assert sorted(record.json["content"]["title"] for record in outbound.wait(10)) == sorted(str(n) for n in range(1, 20, 2))
    outbound.none_for(1)


def test_sigterm_ends_soon_without_kafka_too(own_services, folder):
    services = own_services()
    made = Site(folder / "away", services, campaigns=CAMPAIGNS, workers=2).prepare()
    try:
        first = made.start()
        for number in range(20):
            made.event(f"u{number}", "seen", {"n": number})
        made.flush()
        wait.until("they are pending", lambda: made.run("pending", "--user", "u19").stdout.count("later") == 1, 60)
        for number in range(20, 40):
            made.event(f"u{number}", "seen", {"n": number}, time_ms=now_ms() - 6000)  # due: transactions were made
        made.flush()
        early = {record.key for record in made.reader("out.push").wait(20, 60)}
        services.kill("kafka")
        first.wait_log("waiting for Kafka", 60)
        began = now_ms()
        assert first.stop() == 0
        assert now_ms() - began < 20000, "some 4 s, and what a busy machine adds"
        services.start("kafka")
        outbound = made.reader("out.push")
        made.processor().start().wait_ready(90)
        assert len({record.key for record in outbound.wait(40, 90)} - early) == 40 - len(early)
        outbound.none_for(1)
    finally:
        made.close()


def test_two_processes_share_and_one_takes_over(site):
    made = site(campaigns=CAMPAIGNS, journal_partitions=8, source_partitions=4, settings={"workers": 2}).prepare()
    outbound = made.reader("out.push")
    first, second = made.start(2)
    for number in range(200):
        made.event(f"u{number}", "seen", {"n": number})
    made.flush()
    time.sleep(2)  # anywhere between their triggers and their dues will do
    second.kill()
    killed = now_ms()
    records = outbound.wait(200)
    outbound.none_for(2)
    assert len({record.header("declic-send-id") for record in records}) == 200
    print(f"the last message came {max(r.seen_ms for r in records) - killed} ms after the death of one process")
    assert first.stop() == 0


def test_at_least_once_sends_too(site):
    made = site(campaigns=CAMPAIGNS, settings={"delivery": "at_least_once"}).prepare()
    outbound = made.reader("out.push")
    made.start()
    for number in range(50):
        made.event(f"u{number}", "seen", {"n": number})
    made.event("u0", "gone", {"n": 0})
    made.flush()
    assert sorted(record.key for record in outbound.wait(49)) == sorted(f"u{n}".encode() for n in range(1, 50))
    outbound.none_for(1)


def test_decisions_off_and_final(site):
    for mode, outcomes in (("final", ["sent"]), ("off", [])):
        made = site(campaigns=CAMPAIGNS, settings={"decisions": mode}).prepare()
        outbound, decisions = made.reader("out.push"), made.reader("decisions")
        running = made.start()
        made.event("u", "seen", {"n": 1}, time_ms=now_ms() - 6000)
        made.flush()
        outbound.wait(1)
        decisions.wait(len(outcomes))
        decisions.none_for(1)
        assert [record.json["outcome"] for record in decisions.records] == outcomes
        running.stop()
