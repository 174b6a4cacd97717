"""Records that cannot be taken go to the dead-letter topic as they came; the good ones around them flow on."""

import json

import pytest

from harness.site import now_ms

CAMPAIGNS = {"any": """
campaign: any
type: transactional
trigger: {event: seen}
entry: {key: event.n, when_pending: parallel}
steps:
  - {id: only, channel: push, message: {title: "{{ event.n }}"}}
"""}


def event(**changes):
    made = {"id": "e", "user": "u", "name": "seen", "time": now_ms(), "attributes": {"n": 1}}
    made.update(changes)
    return json.dumps({name: value for name, value in made.items() if value is not None}).encode()


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"x": value}
    return value


BAD = {
    "no JSON": b"{not json",
    "empty": b"",
    "null value": None,
    "no object": b"[1, 2]",
    "invalid UTF-8": b'{"user":"u\xff","name":"seen"}',
    "no user": event(user=None),
    "empty user": event(user=""),
    "user too long": event(user="u" * 257),
    "control character in the user": event(user="a\u0001b"),
    "no name": event(name=None),
    "name with a space": event(name="was seen"),
    "time that is none": event(time="yesterday"),
    "too old": event(time=now_ms() - 8 * 24 * 3600 * 1000),
    "too far ahead": event(time=now_ms() + 24 * 3600 * 1000),
    "attributes that are no map": event(attributes=[1]),
    "too deep": event(attributes=nested(7)),
    "too many entries": event(attributes={f"a{i}": i for i in range(200)}),
    "string too long": event(attributes={"a": "x" * 5000}),
    "record too large": event(attributes={f"a{i}": "x" * 4000 for i in range(20)}),
    "number too large": b'{"id":"e","user":"u","name":"seen","attributes":{"n":1e999}}',
}


@pytest.fixture
def running(site):
    made = site(campaigns=CAMPAIGNS).prepare()
    made.start()
    return made


def test_bad_records_are_set_aside_and_good_ones_flow(running):
    outbound, dead = running.reader("out.push"), running.reader("dlq")
    headers = [("source", b"test"), ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    for number, (what, value) in enumerate(BAD.items()):
        running.topics.put(running.events, "the key", value, headers=[*headers, ("what", what.encode())])
        running.event(f"good{number}", "seen", {"n": number})
    running.flush()
    found = {record.header("what"): record for record in dead.wait(len(BAD), what="all bad records in the dead-letter topic")}
    assert sorted(found) == sorted(BAD)
    for what, value in BAD.items():
        record = found[what]
        assert record.value == value, what
        assert record.key == b"the key", what
        assert record.header("source") == "test", what
        assert record.header("__connect.errors.topic") == running.events, what
        assert record.header("__connect.errors.partition") in ("0", "1"), what
        assert record.header("__connect.errors.offset").isdigit(), what
        assert record.header("__connect.errors.exception.class.name"), what
        assert record.header("__connect.errors.exception.message"), what
    sent = outbound.wait(len(BAD), what="a message for each good record")
    assert sorted(record.key.decode() for record in sent) == sorted(f"good{number}" for number in range(len(BAD)))
    dead.none_for(0.5)


def test_the_message_says_what_is_wrong_and_nothing_of_the_person(running):
    dead = running.reader("dlq")
    running.topics.put(running.events, "k", event(user=None, attributes={"email": "secret@example.org"}))
    running.topics.put(running.events, "k", event(name="was seen"))
    running.flush()
    said = [record.header("__connect.errors.exception.message") for record in dead.wait(2)]
    assert any("user" in text for text in said) and any("name" in text for text in said), said
    assert "secret" not in " ".join(said) + running.processors[0].log


def test_trace_context_goes_on_to_the_message(running):
    outbound = running.reader("out.push")
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    running.topics.put(running.events, "k", event(), headers=[("traceparent", trace), ("tracestate", b"a=b")])
    running.flush()
    [record] = outbound.wait(1)
    assert record.header("traceparent") == trace.decode() and record.header("tracestate") == "a=b"


def test_default_id_is_the_place_of_the_record(running):
    outbound = running.reader("out.push")
    places = []
    running.topics.put(running.events, "k", event(id=None), on_delivery=lambda _, message: places.append(
        f"{message.topic()}/{message.partition()}/{message.offset()}"))
    running.flush()
    [record] = outbound.wait(1)
    assert [record.json["trigger"]["id"]] == places
