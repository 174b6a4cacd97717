"""POST /v1/events: what is accepted is in Kafka and comes out as messages; what is wrong is said, and where."""

import gzip
import json
import pathlib
import socket
import tempfile
import threading
import uuid

import pytest

from harness import wait
from harness.processor import free_port
from harness.site import Site, now_ms

CAMPAIGN = """
campaign: hello
type: transactional
trigger: {event: seen}
entry: {key: event.n, when_pending: parallel}
steps:
  - {id: only, channel: push, message: {title: "{{ event.n }}"}}
"""


@pytest.fixture(scope="module")
def site(services):
    made = Site(pathlib.Path(tempfile.mkdtemp(prefix="declic-http-")), services, campaigns={"hello": CAMPAIGN})
    made.prepare().start()
    yield made
    made.close()


@pytest.fixture
def run(site):
    return site.processors[0]


def event(**more):
    return {"id": uuid.uuid4().hex, "user": "u1", "name": "seen", "time": now_ms(), "attributes": {}, **more}


def post(run, events, **more):
    status, headers, body = run.ask("POST", "/v1/events", {"events": events}, **more)
    return status, body


def check_problem(answer, status):
    """An RFC 9457 problem document with that status; returns its detail."""
    code, headers, body = answer
    assert code == status, answer
    assert headers["content-type"] == "application/problem+json"
    assert body["status"] == status and body["title"] and body["type"] == "about:blank", body
    return body["detail"]


def test_events_are_in_kafka_when_it_answers_and_become_messages(site, run):
    users = [f"u{uuid.uuid4().hex[:8]}" for _ in range(3)]
    events = [event(user=user, attributes={"n": number}) for number, user in enumerate(users)]
    assert post(run, events) == (202, {"accepted": 3, "rejected": []})
    written = site.reader("events")
    found = {record.key.decode(): record for record in written.drain(0.5)}
    assert [found[user].json for user in users] == events
    sent = site.reader("out.push")

    def messages():
        sent.poll()
        return [record for record in sent.records if record.key.decode() in users]

    wait.until("each has a message", lambda: len(messages()) == 3)
    assert sorted(record.json["content"]["title"] for record in messages()) == ["0", "1", "2"]


def test_records_are_the_bytes_that_came(site, run):
    user = f"u{uuid.uuid4().hex[:8]}"
    text = f'{{"user": "{user}",\n "name":"seen", "attributes": {{"price": 1.10, "big": 1e3}}}}'
    status, _, body = run.ask("POST", "/v1/events", '{"events": [ %s ]}' % text)
    assert (status, body["accepted"]) == (202, 1)
    records = site.reader("events").drain(0.5)
    assert [record.value.decode() for record in records if record.key == user.encode()] == [text]


def test_trace_context_goes_along(site, run):
    user = f"u{uuid.uuid4().hex[:8]}"
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert post(run, [event(user=user)], headers={"traceparent": trace})[0] == 202
    [record] = [record for record in site.reader("events").drain(0.5) if record.key == user.encode()]
    assert record.header("traceparent") == trace


REJECTED = {
    "no user": ({"user": None}, "user"),
    "no name": ({"name": None}, "name"),
    "control character in the user": ({"user": "a\u0001"}, "user"),
    "long user": ({"user": "u" * 257}, "user"),
    "name with a space": ({"name": "se en"}, "name"),
    "long id": ({"id": "i" * 129}, "id"),
    "time that is none": ({"time": "soon"}, "time"),
    "too old": ({"time": 1000}, "max_age"),
    "too far ahead": ({"time": now_ms() + 3600 * 1000}, "ahead"),
    "attributes that are no map": ({"attributes": [1]}, "attributes"),
    "too deep": ({"attributes": {"a": [[[[[1]]]]]}}, "5 levels"),
    "too many entries": ({"attributes": {f"k{n}": n for n in range(129)}}, "128"),
    "long string": ({"attributes": {"a": "x" * 5000}}, "4096"),
    "too large": ({"attributes": {f"k{n}": "x" * 4000 for n in range(20)}}, "65536"),
    "number that does not fit": ({"attributes": {"a": 2**63}}, ""),
}


@pytest.mark.parametrize("what", REJECTED)
def test_rejected_alone(run, what):
    change, word = REJECTED[what]
    status, body = post(run, [event(), event(**change), event()])
    assert (status, body["accepted"]) == (202, 2)
    [rejected] = body["rejected"]
    assert rejected["index"] == 1 and word in rejected["error"], rejected


@pytest.mark.parametrize("element", [None, 1, "text", [], True])
def test_elements_that_are_no_objects(run, element):
    status, body = post(run, [element])
    assert (status, body["accepted"], len(body["rejected"])) == (202, 0, 1)


MALFORMED = {
    "nothing": "",
    "no JSON": "hello",
    "a list": "[]",
    "another member": '{"event": []}',
    "one member more": '{"events": [], "x": 1}',
    "no list": '{"events": {}}',
    "null": '{"events": null}',
    "not ended": '{"events": [{"user": "u"}',
    "brackets that do not match": '{"events": [{"user": "u", "name": "seen"]}]}',
    "comma at the end": '{"events": [{"user": "u", "name": "seen"},]}',
    "comma in an element": '{"events": [{"user": "u", "name": "seen",}]}',
    "something after it": '{"events": []} x',
    "no UTF-8": b'{"events": [{"user": "\xff", "name": "seen"}]}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_bodies(site, run, what):
    check_problem(run.ask("POST", "/v1/events", MALFORMED[what]), 400)


def test_none(run):
    assert post(run, []) == (202, {"accepted": 0, "rejected": []})


def test_bounds(run):
    assert post(run, [event(user="bounds")] * 1000)[1]["accepted"] == 1000
    assert "1000" in check_problem(run.ask("POST", "/v1/events", {"events": [event()] * 1001}), 413)
    body = json.dumps({"events": [event()]})
    assert run.ask("POST", "/v1/events", body + " " * (1024 * 1024 - len(body)))[0] == 202
    for size in (1024 * 1024 + 1, 5 * 1024 * 1024):
        check_problem(run.ask("POST", "/v1/events", body + " " * (size - len(body))), 413)


def test_compressed_bodies_are_not_taken(run):
    check_problem(run.ask("POST", "/v1/events", gzip.compress(b'{"events":[]}'), {"Content-Encoding": "gzip"}), 415)
    assert run.ask("POST", "/v1/events", {"events": []}, {"Content-Encoding": "identity"})[0] == 202


def test_who_asks_first_is_told_first(run):
    """Expect: 100-continue with too much to come: the answer comes before the body."""
    with socket.create_connection(("127.0.0.1", run.port), timeout=60) as peer:
        peer.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert peer.recv(64).startswith(b"HTTP/1.1 413 ")


def test_who_dawdles_is_shut_out(run):
    """A byte now and then keeps no connection for ever."""
    with socket.create_connection(("127.0.0.1", run.port), timeout=1) as peer:
        peer.sendall(b"GET /livez HTTP/1.1\r\nX: ")

        def closed():
            try:
                peer.sendall(b"x")
                return peer.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait.until("the connection ends", closed, 90)
    assert run.get("/livez")[0] == 200


def test_many_at_once(run):
    """More than there are threads; nobody is turned away, other paths answer meanwhile."""
    answers = []

    def send(number):
        answers.append(post(run, [event(user=f"many{number}", attributes={"n": n}) for n in range(20)]))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    assert run.get("/livez")[0] == 200
    for thread in threads:
        thread.join()
    assert answers == [(202, {"accepted": 20, "rejected": []})] * 40


def test_paths_and_methods(run):
    code, headers, _ = answer = run.ask("GET", "/v1/events")
    check_problem(answer, 405)
    assert headers["allow"] == "POST"
    assert run.ask("DELETE", "/livez")[1]["allow"] == "GET, HEAD"
    for path in ("/", "/v1", "/v1/", "/v1/events/", "/v1/event", "/v2/events", "//v1/events"):
        check_problem(run.ask("POST", path, "{}"), 404)
    check_problem(run.ask("POST", "/v1/ev%zzents", "{}"), 400)
    check_problem(run.ask("POST", "/v1/events?dry=1", "{}"), 400)
    assert run.ask("POST", "/v1/%65vents", {"events": []})[0] == 202
    assert run.ask("HEAD", "/livez")[::2] == (200, "")


def test_token(site):
    token = site.folder / "token"
    token.write_text("secret-1\n")
    run = site.processor("guarded", {"DECLIC_HTTP_TOKEN_FILE": str(token)}).start().wait_ready()
    try:
        assert run.ask("GET", "/livez")[0] == 200
        for headers in ({}, {"Authorization": "secret-1"}, {"Authorization": "Bearer secret-2"},
                        {"Authorization": "Bearer secret-"}, {"Authorization": "Basic secret-1"}):
            answer = run.ask("POST", "/v1/events", {"events": []}, headers=headers)
            check_problem(answer, 401)
            assert answer[1]["www-authenticate"] == "Bearer"
            assert run.ask("GET", "/metrics", headers=headers)[0] == 401
        assert post(run, [], headers={"Authorization": "Bearer secret-1"})[0] == 202
        assert run.ask("GET", "/metrics", headers={"Authorization": "bearer secret-1"})[0] == 200
    finally:
        assert run.stop() == 0


def test_the_outside_needs_a_token(site):
    done = site.run("run", "--http.listen", f"0.0.0.0:{free_port()}", code=2)
    assert "http.token_file" in done.stderr


def test_kafka_away(site, own_services, folder):
    services = own_services()
    made = Site(folder / "away", services, campaigns={"hello": CAMPAIGN}).prepare()
    run = made.start()
    try:
        services.kill("kafka")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            run.ask("POST", "/v1/events", {"events": [event()]}))) for _ in range(20)]
        began = now_ms()
        for thread in threads:
            thread.start()
        assert run.ask("GET", "/livez")[0] == 200
        for thread in threads:
            thread.join()
        assert now_ms() - began < 30000, "the wait is bounded"
        for answer in answers:
            check_problem(answer, 503)
            assert int(answer[1]["retry-after"]) > 0
        services.start("kafka")
        wait.until("Kafka is back", lambda: post(run, [event()])[0] == 202)
        assert run.stop() == 0
    finally:
        made.close()
