"""Campaigns as code and as records: apply, diff, list, show, pause, resume, archive; dead letters sent again; erase."""

import json
import subprocess

import pytest

from harness import wait
from harness.processor import binary, free_port
from harness.site import now_ms


def campaign(id, event="seen", title="{{ event.n }}", after=""):
    return f"""campaign: {id}
type: transactional
trigger: {{event: {event}}}
entry: {{key: event.n, when_pending: parallel}}
steps:
  - {{id: only, channel: push, {after}message: {{title: "{title}"}}}}
"""


def listed(site):
    return {row["campaign"]: row for row in json.loads(site.run("campaigns", "list", "--json").stdout)}


def plan(site, command="apply", *arguments):
    return {row.get("campaign", "(policy)"): row
            for row in json.loads(site.run("campaigns", command, site.campaigns, "--json", *arguments).stdout)}


def control_blocks(site):
    """How many records each journal partition has, from the outside."""
    reader = site.reader("journal", committed=False)
    reader.drain(1.0)
    counts = {}
    for record in reader.records:
        counts[record.partition] = counts.get(record.partition, 0) + 1
    return counts


# What apply makes of a directory

def test_each_changed_file_is_the_next_version(site):
    made = site(campaigns={"a": campaign("a"), "b": campaign("b")}, policy="time_zone: Europe/Paris\n")
    made.run("topics", "create")
    first = plan(made)
    assert {name: row["action"] for name, row in first.items()} == {"(policy)": "create", "a": "create", "b": "create"}
    assert {row["action"] for row in plan(made).values()} == {"unchanged"}

    (made.campaigns / "a.yaml").write_text(campaign("a", title="changed"))
    before = made.run("campaigns", "diff", made.campaigns).stdout
    assert '-  - {id: only, channel: push, message: {title: "{{ event.n }}"}}' in before
    assert '+  - {id: only, channel: push, message: {title: "changed"}}' in before
    assert plan(made, "diff")["a"] == {"kind": "campaign", "campaign": "a", "action": "update", "version": 2, "from": 1}
    plan(made)
    assert {name: row["version"] for name, row in listed(made).items()} == {"a": 2, "b": 1}

    assert made.run("campaigns", "show", "a").stdout == campaign("a", title="changed")
    assert made.run("campaigns", "show", "a", "--version", "1").stdout == campaign("a")
    [shown] = json.loads(made.run("campaigns", "show", "a", "--json").stdout)
    assert (shown["version"], shown["versions"]) == (2, [1, 2])
    made.run("campaigns", "show", "nobody", code=1)
    made.run("campaigns", "show", "a", "--version", "3", code=1)


def test_every_journal_partition_gets_the_control_record(site):
    made = site(campaigns={"a": campaign("a"), "b": campaign("b")}, journal_partitions=7)
    made.prepare()
    assert control_blocks(made) == {partition: 1 for partition in range(7)}
    made.prepare()  # nothing changed: nothing is written
    assert control_blocks(made) == {partition: 1 for partition in range(7)}


def test_an_apply_that_ended_early_is_completed_by_the_next(site):
    made = site(campaigns={"a": campaign("a")})
    made.prepare()
    state = {"version": 1, "status": "paused", "sequence": 2, "control": "pause", "stage": "applying", "option": "hold",
             "at": "2026-12-01T00:00:00.000Z"}
    made.topics.put(made.prefix + "campaigns", "campaign/a", json.dumps(state))
    made.flush()
    assert listed(made)["a"]["applied"] is False
    assert "a version 1" in made.run("check", code=1).stderr
    assert "completed" in made.run("campaigns", "apply", made.campaigns).stderr
    assert (listed(made)["a"]["applied"], listed(made)["a"]["status"]) == (True, "paused")
    assert set(control_blocks(made).values()) == {2}


def test_two_appliers_do_not_make_one_version_twice(site):
    made = site(campaigns={"a": campaign("a")}).prepare()
    for round in range(3):
        running = []
        for who in range(3):
            folder = made.folder / f"{round}-{who}"
            folder.mkdir()
            (folder / "a.yaml").write_text(campaign("a", title=f"{round} {who}"))
            running.append((who, subprocess.Popen([binary(), "campaigns", "apply", folder, "--config", made.config],
                                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        said = {who: (process.communicate(timeout=60)[1], process.returncode) for who, process in running}
        done = [who for who, (_, code) in said.items() if code == 0]
        assert done, said
        for text, code in said.values():
            assert code == 0 or "somebody else" in text, said
        [shown] = json.loads(made.run("campaigns", "show", "a", "--json").stdout)
        assert shown["definition"] in {campaign("a", title=f"{round} {who}") for who in done}
        assert shown["versions"] == list(range(1, shown["version"] + 1))


def test_apply_says_from_when_it_counts(site):
    text = campaign("a").replace("steps:", 'audience: count("purchase", "30d") >= 2\nsteps:')
    made = site(campaigns={"a": text})
    made.run("topics", "create")
    assert 'a counts "purchase"' in made.run("campaigns", "apply", made.campaigns).stderr
    (made.campaigns / "a.yaml").write_text(text.replace("event.n }}", "event.n }}!"))
    assert "counts" not in made.run("campaigns", "apply", made.campaigns).stderr


def test_apply_refuses_another_number_of_partitions(site):
    made = site(campaigns={"a": campaign("a")})
    made.run("topics", "create")
    done = made.run("campaigns", "apply", made.campaigns, "--journal.partitions=5", code=2)
    assert "has 4 partitions, journal.partitions says 5" in done.stderr
    assert listed(made) == {}


def test_apply_without_topics_or_kafka(site):
    made = site(campaigns={"a": campaign("a")})
    assert "topics create" in made.run("campaigns", "apply", made.campaigns, code=1).stderr
    made.run("campaigns", "apply", made.campaigns, f"--kafka.bootstrap.servers=127.0.0.1:{free_port()}", code=3)


# What a running processor makes of it

@pytest.fixture
def running(site):
    made = site(campaigns={"first": campaign("first")}).prepare()
    made.start()
    return made


def test_what_is_produced_after_apply_returned_sees_it(running):
    outbound = running.reader("out.push")
    for number in range(6):
        name = f"c{number}"
        (running.campaigns / f"{name}.yaml").write_text(campaign(name, event=f"event_{number}"))
        running.run("campaigns", "apply", running.campaigns)
        for user in range(5):
            running.event(f"u{user}", f"event_{number}", {"n": number})
        running.flush()
    sent = outbound.wait(30, what="a message for each event")
    assert len({(record.json["campaign"], record.json["user"]) for record in sent}) == 30


def test_pause_resume_and_archive(running):
    outbound, decisions = running.reader("out.push"), running.reader("decisions")

    def outcome(n):
        running.event(f"u{n}", "seen", {"n": n})
        running.flush()
        def found():
            decisions.poll(0.05)
            return [(record.json["outcome"], record.json.get("reason")) for record in decisions.records
                    if record.key == f"u{n}".encode() and record.json["outcome"] in ("sent", "ignored")]
        wait.until(f"a decision for u{n}", found)
        return found()[0]

    assert outcome(1) == ("sent", None)
    assert "paused" in running.run("campaigns", "pause", "first").stdout
    assert outcome(2) == ("ignored", "paused")
    assert "already" in running.run("campaigns", "pause", "first").stdout
    (running.campaigns / "first.yaml").write_text(campaign("first", title="changed"))
    assert "stays paused" in running.run("campaigns", "apply", running.campaigns).stdout
    assert outcome(6) == ("ignored", "paused")
    running.run("campaigns", "resume", "first")
    assert outcome(3) == ("sent", None)
    running.run("campaigns", "archive", "first")
    outbound.wait(2)
    running.event("u4", "seen", {"n": 4})
    running.flush()
    outbound.none_for(1.5)
    assert "archived" in running.run("campaigns", "resume", "first", code=1).stderr
    running.run("campaigns", "pause", "nobody", code=1)
    assert plan(running)["first"]["action"] == "revive"
    assert outcome(5) == ("sent", None)


def test_erase_removes_what_is_pending(running):
    (running.campaigns / "later.yaml").write_text(campaign("later", event="begun", after="send: {after: 1h}, "))
    running.run("campaigns", "apply", running.campaigns)
    for user in ("gone", "stays"):
        running.event(user, "begun", {"n": 1})
    running.flush()

    def pending(user):
        return json.loads(running.run("pending", "--user", user, "--json").stdout)

    wait.until("both are pending", lambda: pending("gone") and pending("stays"))
    running.run("erase", "--user", "gone")
    wait.until("one is gone", lambda: not pending("gone"))
    assert len(pending("stays")) == 1
    running.run("erase", code=2)


# Dead letters

def test_dead_letters_are_listed_and_sent_again(running):
    dead = running.reader("dlq")
    early = json.dumps({"user": "u", "name": "seen", "time": now_ms() + 6 * 60 * 1000, "attributes": {"n": 7}}).encode()
    running.topics.put(running.events, "k", b"{broken", headers=[("mine", b"1")])
    running.topics.put(running.events, None, early)
    running.flush()
    dead.wait(2)
    rows = json.loads(running.run("dlq", "list", "--json").stdout)
    assert {(row["topic"], row["key"]) for row in rows} == {(running.events, None), (running.events, "k")}
    assert all(row["reason"] and row["partition"] in (0, 1) and row["offset"] >= 0 for row in rows)
    assert "broken" not in json.dumps(rows)
    assert json.loads(running.run("dlq", "list", "--json", "--topic", "other").stdout) == []

    assert "2 sent again" in running.run("dlq", "replay", "--yes").stdout
    again = dead.wait(4, what="both refused again")[2:]
    for record in again:
        first = next(one for one in dead.records[:2] if one.value == record.value)
        assert record.key == first.key
        assert set(record.headers) == set(first.headers)
        assert record.header("__connect.errors.offset") != first.header("__connect.errors.offset")
