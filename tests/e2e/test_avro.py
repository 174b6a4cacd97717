"""Sources in Avro: what a producer wrote with a schema becomes messages; what fits no schema is set aside."""

import json
import struct

from harness.site import now_ms

SCHEMA = {"type": "record", "name": "Seen", "namespace": "app", "fields": [
    {"name": "who", "type": "string"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["NEW", "OLD"]}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "note", "type": ["null", "string"], "default": None},
]}

CAMPAIGNS = {"seen": """
campaign: seen
type: transactional
trigger: {event: seen, where: event.kind == "NEW" && event.price > 12.0 && event.at > timestamp("2020-01-01T00:00:00Z")}
steps:
  - {id: only, channel: push, message: {title: "{{ event.price }} {{ event.tags | join: '+' }} {{ event.note }}"}}
"""}


def long(number):
    bits = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while bits >= 0x80:
        out.append(bits & 0x7F | 0x80)
        bits >>= 7
    return bytes([*out, bits])


def text(value):
    return long(len(value.encode())) + value.encode()


def fingerprint(schema):
    """CRC-64-AVRO of the Parsing Canonical Form, which the schema below is written in."""
    empty = value = 0xC15D213AA4D7A795
    for byte in schema.encode():
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (empty if value & 1 else 0)
    return value


CANONICAL = ('{"name":"app.Seen","type":"record","fields":[{"name":"who","type":"string"},{"name":"at","type":"long"},'
             '{"name":"price","type":"bytes"},{"name":"kind","type":{"name":"app.Kind","type":"enum","symbols":["NEW","OLD"]}},'
             '{"name":"tags","type":{"type":"array","items":"string"}},{"name":"note","type":["null","string"]}]}')


def record(who):
    return (text(who) + long(now_ms()) + long(2) + (1234).to_bytes(2, "big") + long(0) +
            long(2) + text("a") + text("b") + long(0) + long(1) + text("hello"))


def test_single_objects(site):
    made = site(campaigns=CAMPAIGNS)
    topic = made.prefix + "app.events"
    made.topics.create(topic, 1)
    (made.folder / "app.avsc").write_text(json.dumps(SCHEMA))
    made.values["sources"].append({"topic": topic, "format": "avro_single_object", "schemas": ["app.avsc"], "map": {
        "user": "/who", "name": "=seen", "time": "/at", "attributes": ""}})
    made.write_config(made.values)
    made.prepare().start()
    outbound, dead = made.reader("out.push"), made.reader("dlq")
    head = b"\xc3\x01" + struct.pack("<Q", fingerprint(CANONICAL))
    good = head + record("nora")
    bad = [good[:-1], b"\xc3\x01" + bytes(8) + record("nora"), b'{"who":"nora"}']
    for value in [*bad, good]:
        made.topics.put(topic, "k", value)
    made.flush()
    [message] = outbound.wait(1)
    assert (message.key, message.json["content"]) == (b"nora", {"title": "12.34 a+b hello"})
    assert message.json["trigger"]["id"] == f"{topic}/0/3"
    letters = dead.wait(3)
    assert [letter.value for letter in letters] == bad
    said = [letter.header("__connect.errors.exception.message") for letter in letters]
    assert "the record ends inside a value" in said[0] and "fingerprint 0000000000000000" in said[1] and "C3 01" in said[2]
