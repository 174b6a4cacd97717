"""Sources in Avro: what a producer wrote with a schema becomes messages; what fits no schema is set aside."""

import http.server
import json
import struct
import threading

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


class Registry(http.server.BaseHTTPRequestHandler):
    """The paths of Confluent's interface that a reader asks for."""

    answers, asked = {}, []

    def do_GET(self):
        type(self).asked.append(self.path)
        known = self.answers.get(self.path)
        body = json.dumps({"error_code": 40403, "message": "Schema not found"} if known is None else known).encode()
        self.send_response(404 if known is None else 200)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append((self.path, json.loads(request["schema"])["name"]))
        body = b'{"id":42}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_schemas_of_a_registry(site):
    kind = SCHEMA["fields"][3]["type"]
    named = dict(SCHEMA, fields=[dict(field, type="Kind") if field["name"] == "kind" else field for field in SCHEMA["fields"]])
    Registry.answers = {
        "/subjects": [],
        "/schemas/ids/7": {"schema": json.dumps(named), "references": [{"name": "app.Kind", "subject": "a kind", "version": 2}]},
        "/subjects/a%20kind/versions/2": {"schema": json.dumps(dict(kind, namespace="app"))},
    }
    server = serve()
    port = server.server_address[1]
    made = site(campaigns=CAMPAIGNS)
    topic = made.prefix + "app.events"
    made.topics.create(topic, 1)
    made.values["registry"] = {"url": f"http://127.0.0.1:{port}/"}
    made.values["sources"].append({"topic": topic, "format": "avro", "map": {
        "user": "/who", "name": "=seen", "time": "/at", "attributes": ""}})
    made.write_config(made.values)
    made.prepare()
    assert "ok  Schema Registry" in made.run("check").stdout
    run = made.start()
    outbound, dead = made.reader("out.push"), made.reader("dlq")

    made.topics.put(topic, "k", b"\0\0\0\0\x08" + record("lost"))
    for user in ("nora", "emil"):
        made.topics.put(topic, "k", b"\0\0\0\0\x07" + record(user))
    made.flush()
    assert {message.key for message in outbound.wait(2)} == {b"nora", b"emil"}
    [letter] = dead.wait(1)
    assert b"lost" in letter.value
    assert "/schemas/ids/8" in letter.header("__connect.errors.exception.message")
    assert Registry.asked.count("/schemas/ids/7") == 1, "asked once for all records"

    # Away: records wait, and nothing is refused.
    Registry.answers["/schemas/ids/9"] = Registry.answers["/schemas/ids/7"]
    server.shutdown()
    server.server_close()
    made.topics.put(topic, "k", b"\0\0\0\0\x09" + record("late"))
    made.flush()
    run.wait_log("the Schema Registry does not answer")
    assert made.run("check", code=3).stderr.count("registry.url") == 1
    server = serve(port)
    assert [message.key for message in outbound.wait(3)][2] == b"late"
    dead.none_for(0.5)
    server.shutdown()


def take_text(value):
    """The string at the beginning, and what follows."""
    size = shift = at = 0
    while True:
        size |= (value[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if value[at - 1] < 0x80:
            break
    return value[at:at + size // 2].decode(), value[at + size // 2:]


def check_outbound(made, head, size=None):
    outbound = made.reader("out.push")
    made.event("nora", "seen", {"kind": "NEW", "price": 12.5, "at": 1, "tags": ["a"], "note": "hi"})
    made.flush()
    [message] = outbound.wait(1)
    assert message.value.startswith(head) and message.header("content-type") == "avro/binary"
    send_id, rest = take_text(message.value[size or len(head):])
    campaign, _ = take_text(rest)
    assert (send_id, campaign) == (message.header("declic-send-id"), "seen")
    assert message.value.endswith(text("title") + long(0) + text("12.5 a hi") + long(0))


OUTBOUND = {"seen": CAMPAIGNS["seen"].replace(' && event.at > timestamp("2020-01-01T00:00:00Z")', "")}


def test_outbound_with_a_registry(site):
    server = serve()
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    made = site(campaigns=OUTBOUND, settings={"outbound": {"format": "avro"}, "registry": {"url": f"http://127.0.0.1:{port}"}})
    made.prepare()
    run = made.processor().start()
    run.wait_log("Schema Registry")
    status, headers, why = run.ask("GET", "/readyz")
    assert status == 503 and headers["content-type"] == "application/problem+json" and "Schema Registry" in why["detail"]
    server = serve(port)
    run.wait_ready()
    check_outbound(made, b"\0\0\0\0\x2a")
    assert (f"/subjects/{made.prefix}outbound-value/versions", "Outbound") in Registry.asked
    server.shutdown()


def test_outbound_without_a_registry(site):
    made = site(campaigns=OUTBOUND, settings={"outbound": {"format": "avro"}}).prepare()
    made.start()
    check_outbound(made, b"\xc3\x01", 10)
