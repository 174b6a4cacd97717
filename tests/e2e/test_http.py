"""The HTTP interface beside events: campaigns, simulations, users. One deployment, each test with ids of its own."""

import json
import pathlib
import tempfile
import threading
import urllib.parse
import uuid

import pytest

from harness import wait
from harness.site import Site, now_ms
from test_http_events import check_problem

CAMPAIGN = """campaign: {id}
type: event
trigger: {{event: {id}}}
entry: {{key: event.key}}
steps:
  - {{id: only, send: {{after: {after}}}, channel: push, message: {{title: "{title}"}}}}
"""


def campaign(id, after="1h", title="Hello"):
    return CAMPAIGN.format(id=id, after=after, title=title)


@pytest.fixture(scope="module")
def site(services):
    made = Site(pathlib.Path(tempfile.mkdtemp(prefix="declic-http-")), services,
                campaigns={"first": campaign("first")}, policy="time_zone: Europe/Paris\n")
    made.prepare().start()
    yield made
    made.close()


@pytest.fixture
def run(site):
    return site.processors[0]


@pytest.fixture
def id(run):
    """A campaign that is there, version 1."""
    id = f"c{uuid.uuid4().hex[:8]}"
    assert run.ask("PUT", f"/v1/campaigns/{id}", campaign(id))[0] == 201
    return id


# Campaigns

def test_a_campaign_that_was_applied_is_shown(site, run):
    status, _, body = run.ask("GET", "/v1/campaigns/first")
    assert status == 200
    assert (body["campaign"], body["version"], body["status"], body["versions"]) == ("first", 1, "active", [1])
    assert body["definition"] == campaign("first")
    assert [body] == json.loads(site.run("campaigns", "show", "first", "--json").stdout)


def test_put_creates_updates_and_leaves_alone(site, run):
    id, path = "put", "/v1/campaigns/put"
    assert run.ask("PUT", path, campaign(id))[::2] == (
        201, {"campaign": id, "action": "create", "version": 1, "status": "active"})
    assert run.ask("PUT", path, campaign(id))[::2] == (
        200, {"campaign": id, "action": "unchanged", "version": 1, "status": "active"})
    assert run.ask("PUT", path + "?pending=migrate", campaign(id, title="Bye"))[::2] == (
        200, {"campaign": id, "action": "update", "version": 2, "status": "active"})
    assert run.ask("GET", path)[2]["versions"] == [1, 2]
    assert run.ask("GET", path)[2]["definition"] == campaign(id, title="Bye")
    assert run.ask("GET", path + "?version=1")[2]["definition"] == campaign(id)
    assert "put" in site.run("campaigns", "list").stdout


def test_events_after_put_see_it(site, run):
    id, user = "seen-at-once", f"u{uuid.uuid4().hex[:8]}"
    assert run.ask("PUT", f"/v1/campaigns/{id}", campaign(id, after="0s", title="Now"))[0] == 201
    event = {"user": user, "name": id, "attributes": {"key": "k"}}
    assert run.ask("POST", "/v1/events", {"events": [event]})[2]["accepted"] == 1
    sent = site.reader("out.push")
    wait.until("the message is there", lambda: sent.poll() and any(r.key == user.encode() for r in sent.records))


@pytest.mark.parametrize("text, line, column, word", [
    (campaign("bad").replace("push", "pigeon"), 6, None, "push"),
    (campaign("bad") + "colour: red\n", 7, 1, "colour"),
    (campaign("bad").replace("event.key", "event."), 4, None, "key"),
    (campaign("other"), 1, 11, "the path says `bad`"),
    (campaign("bad", title="{{ profile.shoe_size }}"), 6, None, "shoe_size"),
    ("", None, None, ""),
    ("- [", None, None, ""),
])
def test_put_of_something_wrong(run, text, line, column, word):
    answer = run.ask("PUT", "/v1/campaigns/bad", text)
    check_problem(answer, 422)
    [error] = answer[2]["errors"]
    assert word in error["text"] and set(error) == {"line", "column", "text"}, error
    assert line in (None, error["line"]) and column in (None, error["column"]), error
    check_problem(run.ask("GET", "/v1/campaigns/bad"), 404)


def test_all_errors_are_listed(run):
    text = campaign("bad").replace("push", "pigeon") + "colour: red\n"
    assert [error["line"] for error in run.ask("PUT", "/v1/campaigns/bad", text)[2]["errors"]] == [6, 7]


def test_validate(run):
    assert run.ask("POST", "/v1/campaigns:validate", campaign("fine"))[::2] == (200, {"valid": True, "campaign": "fine"})
    answer = run.ask("POST", "/v1/campaigns:validate", campaign("fine").replace("push", "pigeon"))
    check_problem(answer, 422)
    assert answer[2]["errors"][0]["line"] == 6
    check_problem(run.ask("GET", "/v1/campaigns/fine"), 404)


def test_pause_resume_archive(run, id):
    path = f"/v1/campaigns/{id}"

    def change(what, body=None):
        status, _, answer = run.ask("POST", f"{path}/{what}", body)
        return status, answer["action"], answer["status"]

    assert change("pause", {"pending": "shift"}) == (200, "pause", "paused")
    assert run.ask("GET", path)[2]["status"] == "paused"
    assert change("pause") == (200, "unchanged", "paused")
    assert change("resume", {}) == (200, "resume", "active")
    assert change("archive") == (200, "archive", "archived")
    for what in ("pause", "resume"):
        assert "archived" in check_problem(run.ask("POST", f"{path}/{what}"), 409)
    status, _, answer = run.ask("PUT", path, campaign(id))
    assert (status, answer["action"], answer["version"]) == (200, "revive", 2)


def test_changes_at_once_take_their_turns(run):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(
        run.ask("PUT", f"/v1/campaigns/turn-{n}", campaign(f"turn-{n}"), seconds=60)[0])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 503} and 201 in answers, answers


WRONG = [
    ("GET", "/v1/campaigns/none", None, 404),
    ("GET", "/v1/campaigns/first?version=9", None, 404),
    ("GET", "/v1/campaigns/first?version=x", None, 400),
    ("GET", "/v1/campaigns/first?version=0", None, 400),
    ("GET", "/v1/campaigns/first?version=1&version=2", None, 400),
    ("GET", "/v1/campaigns/first?other=1", None, 400),
    ("GET", "/v1/campaigns/", None, 404),
    ("GET", "/v1/campaigns/%ff", None, 400),
    ("PUT", "/v1/campaigns/first?pending=soon", campaign("first"), 400),
    ("PUT", "/v1/campaigns/first", "x" * (1024 * 1024 + 1), 413),
    ("DELETE", "/v1/campaigns/first", None, 405),
    ("GET", "/v1/campaigns/first/pause", None, 405),
    ("POST", "/v1/campaigns/none/pause", None, 404),
    ("POST", "/v1/campaigns/none/resume", None, 404),
    ("POST", "/v1/campaigns/none/archive", None, 404),
    ("POST", "/v1/campaigns/first/stop", None, 404),
    ("POST", "/v1/campaigns/first/pause", {"pending": "soon"}, 400),
    ("POST", "/v1/campaigns/first/pause", {"pending": 1}, 400),
    ("POST", "/v1/campaigns/first/pause", {"pnding": "hold"}, 400),
    ("POST", "/v1/campaigns/first/pause", [], 400),
    ("POST", "/v1/campaigns/first/pause", "hold", 400),
    ("POST", "/v1/campaigns/first/resume", {"pending": "hold"}, 400),
    ("POST", "/v1/campaigns/first/archive", {"pending": "hold"}, 400),
    ("GET", "/v1/campaigns:validate", None, 405),
    ("GET", "/v1/users/u", None, 405),
    ("POST", "/v1/users/u/pending", None, 405),
    ("GET", "/v1/users//pending", None, 404),
    ("GET", "/v1/users/a/b/pending", None, 404),
    ("GET", "/v1/users/%01/pending", None, 400),
    ("GET", "/v1/users/a%00b/explain", None, 400),
    ("GET", "/v1/users/%zz/explain", None, 400),
    ("GET", "/v1/users/" + "u" * 257 + "/pending", None, 400),
    ("DELETE", "/v1/users/%0a", None, 400),
    ("GET", "/v1/users/u/pending?campaign=x", None, 400),
    ("GET", "/v1/simulate", None, 405),
    ("POST", "/v1/simulate", "", 400),
    ("POST", "/v1/simulate", "[]", 400),
    ("POST", "/v1/simulate", {"campaigns": []}, 400),
    ("POST", "/v1/simulate", {"events": []}, 400),
    ("POST", "/v1/simulate", {"campaigns": [1], "events": []}, 400),
    ("POST", "/v1/simulate", {"campaigns": "x", "events": []}, 400),
    ("POST", "/v1/simulate", {"campaigns": [], "events": {}}, 400),
    ("POST", "/v1/simulate", {"campaigns": [], "events": [], "policy": {}}, 400),
    ("POST", "/v1/simulate", {"campaigns": [], "events": [], "until": "soon"}, 400),
    ("POST", "/v1/simulate", {"campaigns": [], "events": [], "untl": 1}, 400),
]


@pytest.mark.parametrize("method, path, body, status", WRONG, ids=lambda value: str(value)[:40])
def test_wrong_requests(run, method, path, body, status):
    answer = run.ask(method, path, body)
    assert check_problem(answer, status)
    assert ("allow" in answer[1]) == (status == 405)


def test_problem_documents_escape_what_they_repeat(run):
    assert '"no\\e' in check_problem(run.ask("GET", "/v1/campaigns/" + urllib.parse.quote('"no\\e')), 404)


# Simulations

EVENT = {"user": "u1", "name": "first", "id": "e1", "time": "2026-12-01T08:00:00Z", "attributes": {"key": "k"}}


def test_simulate_is_what_the_command_says(site, run, folder):
    quiet = 'quiet: {from: "00:00", to: "23:00"}\n'
    events = [EVENT, {**EVENT, "id": "e2", "user": "u2", "time": "2026-12-01T09:00:00Z"},
              {"kind": "profile", "user": "u1", "time": "2026-12-01T09:30:00Z", "attributes": {"a": 1.5}}]
    status, _, body = run.ask("POST", "/v1/simulate", {"campaigns": [campaign("first")], "policy": quiet, "events": events})
    assert (status, body["refused"]) == (200, [])
    (folder / "c").mkdir()
    (folder / "c" / "first.yaml").write_text(campaign("first"))
    (folder / "policy.yaml").write_text(quiet)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    said = site.run("simulate", "--campaigns", folder / "c", "--policy", folder / "policy.yaml",
                    "--events", folder / "events.jsonl", config=False).stdout
    assert body["decisions"] == [json.loads(line) for line in said.splitlines()]
    assert [record["outcome"] for record in body["decisions"]] == ["scheduled", "scheduled", "postponed", "postponed", "sent", "sent"]


def test_simulate_until_and_refused(run):
    body = {"campaigns": [campaign("first")], "events": [{**EVENT, "user": None}, EVENT, 7], "until": "2026-12-01T08:30:00Z"}
    status, _, answer = run.ask("POST", "/v1/simulate", body)
    assert (status, [record["outcome"] for record in answer["decisions"]]) == (200, ["scheduled"])
    assert [refused["index"] for refused in answer["refused"]] == [0, 2]
    assert "user" in answer["refused"][0]["error"]


def test_simulate_with_a_snippet(run):
    text = campaign("first", after="0s", title="{% render 'name' %}")
    answer = run.ask("POST", "/v1/simulate", {"campaigns": [text], "events": [EVENT], "snippets": {"name": "Ann"}})
    assert answer[2]["decisions"][-1]["message"] == {"title": "Ann"}


def test_simulate_with_errors(run):
    texts = [campaign("a"), campaign("b").replace("push", "pigeon"), campaign("a")]
    answer = run.ask("POST", "/v1/simulate", {"campaigns": texts, "policy": "locale: fr_FR", "events": []})
    check_problem(answer, 422)
    assert [(error["file"], error["line"]) for error in answer[2]["errors"]] == [
        ("policy", 1), ("campaigns/1", 6), ("campaigns/2", 1)]


def test_simulate_is_bounded(run):
    """A birthday for each of a thousand users, for thousands of years."""
    yearly = "campaign: y\ntype: event\ntrigger: {yearly: profile.birth_date}\n" \
             "steps: [{id: a, channel: push, message: {title: x}}]\n"
    events = [{"kind": "profile", "user": f"u{n}", "time": "2026-12-01T08:00:00Z",
               "attributes": {"birth_date": "1980-05-05"}} for n in range(1000)]
    answer = run.ask("POST", "/v1/simulate", {"campaigns": [yearly], "events": events, "until": "9999-01-01T00:00:00Z"},
                     seconds=60)
    assert "10 s" in check_problem(answer, 422)
    assert run.get("/readyz")[0] == 200


# Users

def test_pending_explain_and_erase(site, run, id):
    user = f"ü/{uuid.uuid4().hex[:8]} ?"
    path = "/v1/users/" + urllib.parse.quote(user, safe="")
    assert run.ask("GET", f"{path}/pending")[::2] == (200, [])
    assert run.ask("GET", f"{path}/explain")[::2] == (200, [])
    event = {"id": "e1", "user": user, "name": id, "time": now_ms(), "attributes": {"key": "k"}}
    assert run.ask("POST", "/v1/events", {"events": [event]})[2]["accepted"] == 1
    [row] = wait.until("it is pending", lambda: run.ask("GET", f"{path}/pending")[2])
    assert (row["campaign"], row["version"], row["key"], row["step"]) == (id, 1, "k", "only")
    assert [row] == json.loads(site.run("pending", "--user", user, "--json").stdout)
    [planned] = run.ask("GET", f"{path}/explain")[2]
    assert (planned["outcome"], planned["due"], planned["send_id"]) == ("scheduled", row["due"], row["send_id"])
    assert f"step only was planned, due {row['due']}" in site.run("explain", "--user", user).stdout
    assert run.ask("POST", "/v1/events", {"events": [event]})[2]["accepted"] == 1
    records = wait.until("the repeat is explained", lambda: [
        found for found in [run.ask("GET", f"{path}/explain")[2]] if len(found) == 2])[0]
    assert records[0] == planned
    assert [records[1][name] for name in ("outcome", "reason", "user")] == ["ignored", "duplicate", user]
    assert records == json.loads(site.run("explain", "--user", user, "--json").stdout)
    assert run.ask("GET", f"{path}/explain?campaign={id}")[2] == records
    assert run.ask("GET", f"{path}/explain?campaign=other")[2] == []
    assert run.ask("DELETE", path)[0] == 202
    wait.until("nothing is pending", lambda: run.ask("GET", f"{path}/pending")[2] == [])


def test_services_away(own_services, folder):
    services = own_services()
    made = Site(folder / "away", services, campaigns={"first": campaign("first")}).prepare()
    run = made.start()

    def all_away(*requests):
        for method, path, body in requests:
            answer = run.ask(method, path, body, seconds=60)
            check_problem(answer, 503)
            assert int(answer[1]["retry-after"]) > 0

    try:
        services.kill("redis")
        all_away(("GET", "/v1/users/u/pending", None), ("GET", "/v1/users/u/explain", None))
        services.start("redis")
        wait.until("users are back", lambda: run.ask("GET", "/v1/users/u/pending")[0] == 200)
        services.kill("kafka")
        all_away(("GET", "/v1/campaigns/first", None), ("PUT", "/v1/campaigns/first", campaign("first")),
                 ("POST", "/v1/campaigns/first/pause", None), ("DELETE", "/v1/users/u", None))
    finally:
        made.close()


def test_before_it_is_ready(site, services, folder):
    """Waiting for Redis: what needs the campaigns says so, simulations run."""
    made = site.processor("waits", {"DECLIC_REDIS_URL": "redis://127.0.0.1:1/0"}).start()
    wait.until("it answers", lambda: made.get("/livez")[0] == 200)
    check_problem(made.ask("GET", "/v1/campaigns/first"), 503)
    check_problem(made.ask("GET", "/v1/users/u/pending"), 503)
    assert made.ask("POST", "/v1/simulate", {"campaigns": [campaign("first")], "events": [EVENT]})[0] == 200
    assert made.ask("POST", "/v1/events", {"events": [EVENT | {"time": now_ms()}]})[0] == 202
    assert made.stop() == 0
