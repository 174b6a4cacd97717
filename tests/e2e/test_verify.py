"""`declic verify` and `declic rebuild`: what Redis holds against the journal, with processes running."""

import collections
import json
import threading

import redis

from harness import wait
from harness.site import now_ms

CAMPAIGN = """
campaign: later
type: transactional
trigger: {event: begun}
entry: {key: event.thing, when_pending: parallel}
steps:
  - {id: only, send: {after: 45s}, channel: push, message: {title: "{{ event.n }}"}}
"""
PARTITIONS = 2
USERS = 60


def verified(made, *arguments, code=0):
    return json.loads(made.run("verify", "--json", *arguments, code=code).stdout)


def keys_of(made, client, kind, user):
    """The key of that kind that holds the user."""
    holds = client.hexists if kind == "u" else lambda key, name: client.zscore(key, name) is not None
    [key] = [key for key in client.scan_iter(f"{made.prefix}*:{kind}") if holds(key, user)]
    return key


def test_what_differs_is_told_and_mended(site):
    made = site(campaigns={"later": CAMPAIGN}, journal_partitions=PARTITIONS).prepare()
    out = made.reader("out.push")
    assert verified(made, code=1) == [{"partition": p, "differs": "no view"} for p in range(PARTITIONS)]
    running = made.start()
    for n in range(USERS):
        made.event(f"u{n}", "begun", {"n": n, "thing": f"t{n}"})
    made.flush()
    wait.until("all is folded", lambda: running.metrics().get("declic_pending_users") == USERS, 60,
               describe=running.log_tail)
    assert verified(made) == []
    assert f"{USERS} users in {PARTITIONS} partitions compared: all as the journal says." in made.run("verify").stdout

    # Four users are spoilt in four ways, and a state is there that no record made.
    client = redis.Redis.from_url(made.services.redis)
    client.hset(keys_of(made, client, "u", "u1"), "u1", client.hget(keys_of(made, client, "u", "u2"), "u2"))
    client.hdel(keys_of(made, client, "u", "u3"), "u3")
    client.zrem(keys_of(made, client, "due", "u4"), "u4")
    client.hset(keys_of(made, client, "u", "u5"), "u5", b"\x01\xff")
    client.hset(keys_of(made, client, "u", "u6"), "nobody", client.hget(keys_of(made, client, "u", "u6"), "u6"))
    found = {row["user"]: row["differs"] for row in verified(made, code=1)}
    assert set(found["u1"].split(", ")) >= {"journeys", "ids"}
    assert found.pop("u1") and found == {
        "u3": "missing", "u4": "calendar", "u5": "unreadable", "nobody": "not in the journal"}
    told = made.run("verify", "--repair", code=1)
    assert "user u3: missing" in told.stdout and "folded anew" in told.stdout
    wait.until("Redis holds what the journal says", lambda: made.run("verify", code=None).returncode == 0, 60, every=0.5,
               describe=running.log_tail)

    made.run("rebuild", "--yes")
    wait.until("it is folded anew", lambda: running.metrics().get("declic_pending_users") == USERS, 60,
               describe=running.log_tail)
    out.wait(USERS, 60)
    out.none_for(2.0)
    assert collections.Counter(record.json["user"] for record in out.records) == {f"u{n}": 1 for n in range(USERS)}
    assert verified(made) == []
    assert running.stop() == 0


FOLLOWS = {"follows": {"favourites": {"on": {"event": "liked", "thing": "event.product"},
                                      "off": {"event": "disliked", "thing": "event.product"}, "expires": "180d"}}}
PRICE = """
campaign: price
type: event
trigger: {event: price_dropped, thing: event.product, followers: favourites}
steps:
  - {id: only, send: {after: 0s}, channel: push, message: {title: "cheaper"}}
"""


def test_who_follows_what_is_compared_and_mended(site):
    made = site(campaigns={"price": PRICE}, policy=json.dumps(FOLLOWS), journal_partitions=PARTITIONS).prepare()
    out = made.reader("out.push")
    running = made.start()
    for n in range(USERS):
        made.event(f"u{n}", "liked", {"product": f"p{n % 3}"})
    made.flush()
    client = redis.Redis.from_url(made.services.redis)

    def followers():
        return {member[8:].decode(): (key, member) for key in client.scan_iter(f"{made.prefix}*:f") for member in client.zrange(key, 0, -1)}

    wait.until("all follow", lambda: len(followers()) == USERS, 60, describe=running.log_tail)
    assert verified(made) == []
    client.zrem(*followers()["u3"])
    key, member = followers()["u4"]
    client.zadd(key, {b"?" * 8 + b"u5": 0, b"short": 0})  # he follows something else, and what nothing could have written
    client.zrem(key, member)
    found = verified(made, code=1)
    assert {(row.get("user", ""), row["differs"]) for row in found} == {(user, "followers") for user in ("", "u3", "u4", "u5")}
    made.run("verify", "--repair", code=1)
    wait.until("Redis holds what the journal says", lambda: made.run("verify", code=None).returncode == 0, 60, every=0.5,
               describe=running.log_tail)
    for n in range(3):
        made.topics.put(made.events, None, {"id": f"drop{n}", "name": "price_dropped", "time": now_ms(),
                                            "attributes": {"product": f"p{n}"}})
    made.flush()
    out.wait(USERS, 60)
    assert collections.Counter(record.json["user"] for record in out.records) == {f"u{n}": 1 for n in range(USERS)}
    assert running.stop() == 0


def test_a_busy_view_is_compared_at_the_offsets_it_is_read_at(site):
    made = site(campaigns={"later": CAMPAIGN.replace("45s", "1s")}, journal_partitions=PARTITIONS,
                settings={"journal": {"partitions": PARTITIONS, "snapshots": "1s"}}).prepare()
    running = made.start()
    done = threading.Event()

    def shop():
        n = 0
        while not done.wait(0.005):
            n += 1
            made.event(f"u{n % 50}", "begun", {"n": n, "thing": f"t{n}"})

    writer = threading.Thread(target=shop)
    writer.start()
    try:
        running.wait_log("the journal was trimmed", 60)
        for _ in range(3):
            done_well = made.run("verify", "--json", code=None)
            assert done_well.returncode in (0, 3), done_well.stdout + done_well.stderr
            assert done_well.returncode == 0 or "trimmed" in done_well.stderr
    finally:
        done.set()
        writer.join()
    wait.until("at rest it can be compared", lambda: made.run("verify", code=None).returncode == 0, 60, every=0.5)
    assert running.stop() == 0


def test_what_cannot_be_is_refused(site):
    made = site(campaigns={"later": CAMPAIGN}, journal_partitions=PARTITIONS).prepare()
    assert "from 0 to 1, found `2`" in made.run("verify", "--partition", "2", code=2).stderr
    assert "from 0 to 1, found `x`" in made.run("rebuild", "--partition", "x", code=2).stderr
    made.run("rebuild", "--partition", "1", "--yes")
    made.run("verify", "--redis.url=redis://127.0.0.1:1/0", code=3)
    made.run("rebuild", "--yes", "--redis.url=redis://127.0.0.1:1/0", code=3)
    # A view of another journal is not dropped: nothing could bring it back.
    client = redis.Redis.from_url(made.services.redis)
    client.set(made.prefix + "{0}:head", "1000")
    assert "is not the journal" in made.run("rebuild", "--yes", code=1).stderr
    assert client.get(made.prefix + "{0}:head") == b"1000"
