"""The journal is trimmed behind snapshots of everybody, and what is left of it brings a lost Redis back."""

import collections

import redis
from confluent_kafka import Consumer, TopicPartition

from harness import wait
from harness.site import now_ms

CAMPAIGN = """
campaign: later
type: transactional
trigger: {event: begun}
entry: {key: event.thing, when_pending: parallel}
cancel: [{event: stopped, match: {event.thing: trigger.thing}}]
steps:
  - {id: only, send: {after: 70s}, channel: push, message: {title: "{{ event.n }}"}}
"""
PARTITIONS = 2
USERS = 300
CANCELLED = 20


def watermarks(made):
    """(first offset, end) of each partition of the journal."""
    consumer = Consumer({"bootstrap.servers": made.services.kafka, "group.id": "none", "log_level": 2})
    try:
        topic = made.prefix + "journal"
        return [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=60) for p in range(PARTITIONS)]
    finally:
        consumer.close()


def log_starts(made):
    return [start for start, _ in watermarks(made)]


def log_ends(made):
    return [end for _, end in watermarks(made)]


def trim_all(made, running):
    """Waits until all that the journal has now is trimmed. A sweep only comes where something was written since the
    last one, so something is, to every partition."""
    beyond = log_ends(made)
    for n in range(8 * PARTITIONS):
        made.event(f"passer-by{n}", "stopped", {"thing": "none"})
    made.flush()
    wait.until("the journal is trimmed", lambda: all(a >= b for a, b in zip(log_starts(made), beyond)), 60,
               every=0.3, describe=running.log_tail)
    return log_starts(made)


def lose_redis(made):
    client = redis.Redis.from_url(made.services.redis)
    lost = list(client.scan_iter(made.prefix + "*"))
    assert lost
    client.delete(*lost)


def made_site(site):
    return site(campaigns={"later": CAMPAIGN}, settings={"journal": {"partitions": PARTITIONS, "snapshots": "1s"}},
                journal_partitions=PARTITIONS).prepare()


def fill(made, running):
    """Users with a send each, some of them cancelled, a cancel that came first; all folded. {user: event id}"""
    ids = {f"u{n}": made.event(f"u{n}", "begun", {"n": n, "thing": f"t{n}"}) for n in range(USERS)}
    for n in range(CANCELLED):
        made.event(f"u{n}", "stopped", {"thing": f"t{n}"})
    made.event("early", "stopped", {"thing": "e"})
    made.flush()
    wait.until("all is folded", lambda: running.metrics().get("declic_pending_users") == USERS - CANCELLED, 60,
               describe=running.log_tail)
    return ids


def test_a_lost_redis_comes_back_from_a_trimmed_journal(site):
    made = made_site(site)
    decisions, out = made.reader("decisions"), made.reader("out.push")
    running = made.start()
    before = now_ms()
    ids = fill(made, running)
    starts = trim_all(made, running)

    # Twice: under the owner's eyes, and while nobody is there.
    lose_redis(made)
    running.wait_log("beginning with the journal's snapshot")
    wait.until("all are pending again", lambda: running.metrics().get("declic_pending_users") == USERS - CANCELLED, 60,
               describe=running.log_tail)
    running.kill()
    lose_redis(made)
    running = made.start()
    ready = now_ms()
    assert "beginning with the journal's snapshot" in running.log
    assert all(a >= b for a, b in zip(log_starts(made), starts))

    # What was known is known: who was cancelled, the cancel that came first, the ids.
    made.event("early", "begun", {"n": -1, "thing": "e"}, time_ms=before)
    for n in range(USERS - 10, USERS):
        made.event(f"u{n}", "begun", {"n": n, "thing": f"t{n}"}, id=ids[f"u{n}"])
    made.flush()
    out.wait(USERS - CANCELLED, 90)
    out.none_for(2.0)
    sent = collections.Counter(record.json["user"] for record in out.records)
    assert sent == {f"u{n}": 1 for n in range(CANCELLED, USERS)}
    dues = [int(record.header("declic-due")) for record in out.records]
    assert all(record.timestamp_ms >= due for record, due in zip(out.records, dues))
    assert max(record.timestamp_ms - max(due, ready) for record, due in zip(out.records, dues)) < 10000

    decisions.drain(1.0)
    by_id = {record.header("declic-decision-id"): record.json for record in decisions.records}
    outcomes = collections.Counter((told["outcome"], told.get("reason")) for told in by_id.values()
                                   if told["outcome"] in ("ignored", "scheduled", "sent"))
    assert outcomes == {("scheduled", None): USERS, ("sent", None): USERS - CANCELLED,
                        ("ignored", "cancelled"): 1, ("ignored", "duplicate"): 10}
    assert running.stop() == 0


def test_a_replay_from_the_start_tells_nothing_again_that_the_group_has_committed(site):
    made = site(campaigns={"later": CAMPAIGN.replace("70s", "1s")}, journal_partitions=PARTITIONS,
                settings={"journal": {"partitions": PARTITIONS}}).prepare()
    decisions, out = made.reader("decisions"), made.reader("out.push")
    running = made.start()
    for wave in range(2):  # the transactions of the second commit heads beyond all of the first
        for n in range(USERS):
            made.event(f"u{n}", "begun", {"n": n, "thing": f"wave-{wave}"})
        made.flush()
        out.wait(USERS * (wave + 1))
    running.kill()
    lose_redis(made)
    running = made.start()
    made.event("last", "begun", {"n": 0, "thing": "last"})
    made.flush()
    out.wait(USERS * 2 + 1)
    out.none_for(1.0)
    decisions.drain(1.0)
    told = collections.Counter(record.header("declic-decision-id") for record in decisions.records
                               if record.json["key"] == "wave-0")
    assert len(told) == USERS * 2 and set(told.values()) == {1}, told.most_common(3)
    made.run("verify")
    assert running.stop() == 0


def test_who_is_erased_is_gone_from_the_journal_after_the_next_trim(site):
    made = made_site(site)
    running = made.start()
    fill(made, running)
    made.event("u-forgettable", "begun", {"n": 0, "thing": "secret-thing"})
    made.flush()
    wait.until("he is pending", lambda: running.metrics().get("declic_pending_users") == USERS - CANCELLED + 1)
    made.run("erase", "--user", "u-forgettable", "--yes")
    wait.until("he is not", lambda: running.metrics().get("declic_pending_users") == USERS - CANCELLED)
    trim_all(made, running)
    trim_all(made, running)  # the trim after the next
    reader = made.reader("journal", committed=False)
    reader.drain(1.0)
    assert reader.records and not [record for record in reader.records if b"secret-thing" in record.value]
    client = redis.Redis.from_url(made.services.redis)
    assert not [key for key in client.scan_iter(made.prefix + "*:u") if client.hexists(key, "u-forgettable")]
    assert running.stop() == 0
