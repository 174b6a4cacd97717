"""`declic simulate --from-topic`: a backtest on what source topics hold."""

import json

import pytest

from harness.site import now_ms

CAMPAIGN = """campaign: cart
type: event
trigger: {event: cart_updated}
entry: {key: event.cart}
cancel:
  - {event: order_placed, match: {event.cart: trigger.cart}}
steps:
  - {id: first, send: {after: 1h}, channel: push, message: {title: "{{ profile.first_name | default: 'Hello' }} {{ event.cart }}"}}
"""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def records_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def filled(site):
    """Two topics of two partitions; what the same records are as lines of a file."""
    start = now_ms() - 2 * DAY
    other_hour = (start // HOUR + 12) % 24  # UTC; nothing here falls due in it
    made = site(policy=f"quiet: {{from: '{other_hour:02}:00', to: '{other_hour:02}:01'}}\n")
    wanted = [
        (made.profiles, 0, "u1", {"user": "u1", "time": start, "attributes": {"first_name": "Amy"}}),
        (made.events, 1, "u1", {"id": "a", "user": "u1", "name": "cart_updated", "time": start + 1, "attributes": {"cart": 1}}),
        (made.events, 2, "u2", {"id": "b", "user": "u2", "name": "cart_updated", "time": start + 2, "attributes": {"cart": 2}}),
        (made.events, 30 * MINUTE, "u2", {"id": "c", "user": "u2", "name": "order_placed", "time": start + 30 * MINUTE, "attributes": {"cart": 2}}),
        (made.events, 31 * MINUTE, "u3", {"user": "u3", "name": "cart_updated", "attributes": {"cart": 3}}),
    ]
    made.topics.put(made.events, "old", {"id": "old", "user": "old", "name": "cart_updated", "attributes": {}}, timestamp_ms=start - DAY)
    lines = []
    for topic, after, key, value in wanted:
        made.topics.put(topic, key, value, timestamp_ms=start + after)
        kind = "profile" if topic == made.profiles else "event"
        lines.append({"kind": kind, "arrives": start + after, **value, **({"time": start + after} if "time" not in value else {})})
    made.topics.put(made.events, "u4", b"no JSON", timestamp_ms=start + HOUR)
    made.flush()
    (made.folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (made.campaigns / "cart.yaml").write_text(CAMPAIGN)
    return made


def simulate(site, *arguments, config=True, code=0):
    return site.run("simulate", "--campaigns", site.campaigns, *arguments, config=config, code=code)


def test_the_same_as_from_a_file(filled):
    both = f"{filled.events},{filled.profiles}"
    done = simulate(filled, "--from-topic", both, "--since", "60h")
    found = records_of(done)
    expected = records_of(simulate(filled, "--events", filled.folder / "events.jsonl", config=False))
    assert [record["outcome"] for record in found] == ["scheduled", "scheduled", "cancelled", "scheduled", "sent", "sent"]
    assert found[4]["message"] == {"title": "Amy 1"}
    place = found[3].pop("trigger_id"), found[5].pop("trigger_id")
    assert place[0] == place[1] and place[0].startswith(f"{filled.events}/")  # its own place is the default id
    for record in (expected[3], expected[5]):
        del record["trigger_id"]
    for record in (found[3], found[5], expected[3], expected[5]):
        del record["send_id"]
    assert found == expected
    assert "refused: " in done.stderr and f"{filled.events}/" in done.stderr


def test_since_and_one_topic(filled):
    found = records_of(simulate(filled, "--from-topic", filled.events))  # seven days: the old one too, no profiles
    assert {record["user"] for record in found} == {"u1", "u2", "u3", "old"}
    assert {record["message"]["title"] for record in found if record["outcome"] == "sent"} == {"Hello ", "Hello 1", "Hello 3"}
    assert records_of(simulate(filled, "--from-topic", filled.events, "--since", "1h")) == []


def test_summary_and_comparison(filled):
    rows = json.loads(simulate(filled, "--from-topic", filled.events, "--since", "60h", "--summary", "--json").stdout)
    assert [(row["campaign"], row["entered"], row["sent"], row["cancelled"]) for row in rows] == [("cart", 3, 2, 1), (None, 3, 2, 1)]
    assert rows[1]["top_users"] == [{"user": "u1", "sent": 1}, {"user": "u3", "sent": 1}]
    other = filled.folder / "other"
    other.mkdir()
    (other / "cart.yaml").write_text(CAMPAIGN.replace("after: 1h", "after: 20m"))
    told = simulate(filled, "--from-topic", filled.events, "--since", "60h", "--compare", other).stdout
    assert "  sent                           2 -> 3         (+1)" in told
    assert "at other times         2" in told


def test_what_it_cannot_read(filled):
    assert "none of the configuration's `sources`" in simulate(filled, "--from-topic", "no.source", code=None).stderr
    assert "one of them" in simulate(filled, "--from-topic", filled.events, "--events", "x", code=2).stderr
    assert "duration such as" in simulate(filled, "--from-topic", filled.events, "--since", "yesterday", code=2).stderr
    away = simulate(filled, "--from-topic", filled.events, "--kafka.bootstrap.servers", "127.0.0.1:1", code=3)
    assert away.stdout == "" and away.stderr.startswith("declic simulate: ")
