"""Avro with a real Schema Registry: what it says to ids, references and our own schema, which a stand-in only copies."""

import json
import struct
import subprocess
import urllib.request

import pytest

from harness.services import Services
from test_avro import CAMPAIGNS, OUTBOUND, SCHEMA, check_outbound, record, text


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Its address. It is fetched once; where that cannot be done these tests are left out."""
    running = Services(tmp_path_factory.mktemp("registry"))
    try:
        running.start("registry")
    except (RuntimeError, subprocess.TimeoutExpired) as why:
        pytest.skip(f"no Schema Registry to be had: {why}")
    yield running.registry
    running.down()


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def enter(registry, subject, schema, references=()):
    """The schema's id there."""
    return ask(f"{registry}/subjects/{subject}/versions", {"schema": json.dumps(schema), "references": list(references)})["id"]


def numbered(schema_id, body):
    return struct.pack(">BI", 0, schema_id) + body


def test_records_of_every_known_schema(site, registry):
    made = site(campaigns=CAMPAIGNS, settings={"registry": {"url": registry}})
    topic = made.prefix + "app.events"
    made.topics.create(topic, 1)
    made.values["sources"].append({"topic": topic, "format": "avro", "map": {
        "user": "/who", "name": "=seen", "time": "/at", "attributes": ""}})
    made.write_config(made.values)
    made.prepare()
    assert "ok  Schema Registry" in made.run("check").stdout
    made.start()

    first = enter(registry, f"{topic}-value", SCHEMA)
    # A later version has one field more, in front, and its enum in a subject of its own.
    kind = dict(SCHEMA["fields"][3]["type"], namespace="app")
    enter(registry, "a%20kind", kind)
    fields = [{"name": "more", "type": "string", "default": ""}, *SCHEMA["fields"]]
    fields[4] = {"name": "kind", "type": "app.Kind"}
    later = enter(registry, f"{topic}-value", dict(SCHEMA, fields=fields),
                  [{"name": "app.Kind", "subject": "a kind", "version": 1}])
    assert first != later

    outbound, dead = made.reader("out.push"), made.reader("dlq")
    made.topics.put(topic, "k", numbered(1000000, record("lost")))
    made.topics.put(topic, "k", numbered(first, record("nora")))
    made.topics.put(topic, "k", numbered(later, text("new") + record("emil")))
    made.topics.put(topic, "k", numbered(later, record("cut")[:-1]))
    made.flush()
    assert {message.key: message.json["content"]["title"] for message in outbound.wait(2)} == {
        b"nora": "12.34 a+b hello", b"emil": "12.34 a+b hello"}
    said = [letter.header("__connect.errors.exception.message") for letter in dead.wait(2)]
    assert "/schemas/ids/1000000" in said[0] and "not readable as Avro" in said[1]


def test_the_outbound_schema_is_taken(site, registry):
    made = site(campaigns=OUTBOUND, settings={"outbound": {"format": "avro"}, "registry": {"url": registry}}).prepare()
    made.start()
    entered = ask(f"{registry}/subjects/{made.prefix}outbound-value/versions/1")
    assert json.loads(entered["schema"])["name"] == "Outbound"
    check_outbound(made, numbered(entered["id"], b""))
