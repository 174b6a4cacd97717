"""The JSON Schemas: they are valid, take the examples, and refuse what a schema can know to be wrong."""

import json
import pathlib
import re
import subprocess

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from harness.processor import binary

ROOT = pathlib.Path(__file__).parents[2]


class Constructor(SafeConstructor):
    """Core schema of YAML 1.2: a time is text."""


Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: self.construct_scalar(node))


def load_yaml(text):
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return yaml.load(text)


def schema(name):
    loaded = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def bad_cases(name):
    """(name, whether the schema refuses it, text), as the unit tests of the reader have them."""
    text = (ROOT / "tests" / "unit" / name).read_text()
    for case in re.split(r"^=== ", text, flags=re.M)[1:]:
        head, yaml = case.split("\n---\n", 1)
        lines = head.split("\n")
        yield pytest.param(lines[1] == "schema: refuses", yaml, id=lines[0])


def is_refused(validator, yaml):
    try:
        value = load_yaml(yaml)
    except Exception:  # a text that is no YAML never reaches the schema
        return False
    return not validator.is_valid(value)


@pytest.mark.parametrize("name", ["campaign", "policy", "event", "profile", "outbound", "decision"])
def test_schemas_are_schemas(name):
    schema(name)


@pytest.mark.parametrize("refused, yaml", bad_cases("bad_campaigns.txt"))
def test_bad_campaigns(refused, yaml):
    assert is_refused(schema("campaign"), yaml) == refused


@pytest.mark.parametrize("refused, yaml", bad_cases("bad_policies.txt"))
def test_bad_policies(refused, yaml):
    assert is_refused(schema("policy"), yaml) == refused


def campaign_files():
    found = [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("tests/stories/**/*.yaml")]
    return sorted(path for path in found if path.name not in ("declic.yaml", "policy.yaml"))


@pytest.mark.parametrize("path", campaign_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_campaigns_of_examples_and_stories(path):
    schema("campaign").validate(load_yaml(path.read_text()))


@pytest.mark.parametrize("path", sorted(ROOT.glob("**/policy.yaml")), ids=lambda path: str(path.relative_to(ROOT)))
def test_policies_of_examples_and_stories(path):
    schema("policy").validate(load_yaml(path.read_text()))


def test_the_manuals_examples():
    manual = (ROOT / "docs" / "campaigns.md").read_text()
    whole = [text for text in re.findall(r"```yaml\n(.*?)```", manual, re.S) if text.startswith("campaign:")]
    assert whole
    for text in whole:
        schema("campaign").validate(load_yaml(text))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line]


STORIES = sorted(path.parent for path in ROOT.glob("tests/stories/*/events.jsonl"))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_decisions_of_the_stories(story):
    line = [binary(), "simulate", "--campaigns", story / "campaigns", "--events", story / "events.jsonl"]
    if (story / "policy.yaml").exists():
        line += ["--policy", story / "policy.yaml"]
    out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    for text in out.splitlines():
        schema("decision").validate(json.loads(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "lost"},
        {"outcome": "skipped", "reason": "whim"},
        {"outcome": "ignored", "reason": "duplicate"},
        {"at": "2026-12-01T00:00:00Z"},
        {"send_id": "x"},
        {"extra": 1},
    ],
    ids=str,
)
def test_wrong_decisions(wrong):
    good = {
        "at": "2026-12-01T00:00:00.000Z", "user": "u", "campaign": "c", "version": 1, "key": "", "step": "a",
        "channel": "push", "outcome": "scheduled", "due": "2026-12-01T01:00:00.000Z", "trigger_id": "e",
        "send_id": "0b8c6c5e-0000-5000-8000-000000000000",
    }  # fmt: skip
    assert schema("decision").is_valid(good)
    assert not schema("decision").is_valid(good | wrong)


def test_events_and_profiles_of_the_examples():
    for path in ROOT.glob("examples/**/*events*.jsonl"):
        for record in lines(path):
            kind = "profile" if record.get("kind") == "profile" else "event"
            schema(kind).validate(record)
    assert not schema("event").is_valid({"name": "a b"})
    assert not schema("event").is_valid({"name": "a", "user": "a\nb"})
    assert not schema("profile").is_valid({"attributes": {}})


def test_an_outbound_record():
    record = {
        "send_id": "0b8c6c5e-0000-5000-8000-000000000000", "campaign": "c", "version": 3, "step": "first",
        "channel": "push", "user": "u42", "key": "c42", "address": "tok", "locale": "fr", "variant": None,
        "due": "2026-12-01T00:00:00.000Z", "decided": "2026-12-01T00:00:00.001Z",
        "trigger": {"id": "e1", "name": "cart_updated", "time": "2026-12-01T00:00:00.000Z"},
        "content": {"title": "…"},
    }  # fmt: skip
    assert schema("outbound").is_valid(record)
    for field in record:
        assert not schema("outbound").is_valid({k: v for k, v in record.items() if k != field}), field
