"""What goes in, what comes out, and when: one deployment, each test with users of its own.

Where something has to come before a send is due, events have a time some seconds ahead: a busy machine has those, too.
"""

import datetime
import json
import pathlib
import tempfile
import uuid

import pytest

from harness import wait
from harness.site import Site, now_ms

import shop as shop_files


AHEAD_MS = 5000


class Shop:
    """A running deployment, and all that has come out of it so far."""

    def __init__(self, site):
        self.site = site
        self.run = site.prepare().start()
        self.outbound = [site.reader("out.push"), site.reader("out.email"), site.reader("out.sms")]
        self.decided = site.reader("decisions")

    def user(self):
        return f"u{uuid.uuid4().hex[:8]}"

    def event(self, user, name, attributes=None, **more):
        made = self.site.event(user, name, attributes, **more)
        self.site.flush()
        return made

    def messages(self, user):
        for reader in self.outbound:
            reader.poll(0.02)
        return [record for reader in self.outbound for record in reader.records if record.key == user.encode()]

    def decisions(self, user, outcome=None):
        self.decided.poll(0.02)
        return [record.json for record in self.decided.records
                if record.key == user.encode() and outcome in (None, record.json["outcome"])]

    def wait_messages(self, user, count, seconds=60):
        wait.until(f"{count} messages for {user}", lambda: len(self.messages(user)) >= count, seconds,
                   describe=lambda: f"{self.decisions(user)}\n{self.run.log_tail()}")
        return sorted(self.messages(user), key=lambda record: int(record.header("declic-due")))

    def wait_decision(self, user, outcome, count=1, seconds=60):
        wait.until(f"{count} x {outcome} for {user}", lambda: len(self.decisions(user, outcome)) >= count, seconds,
                   describe=lambda: f"{self.decisions(user)}\n{self.run.log_tail()}")
        return self.decisions(user, outcome)

    def stays(self, user, count, until_ms):
        """No further message by that instant."""
        while now_ms() < until_ms:
            assert len(self.messages(user)) <= count, [record.value for record in self.messages(user)]
        assert len(self.messages(user)) == count


@pytest.fixture(scope="module")
def shop(services):
    site = Site(pathlib.Path(tempfile.mkdtemp(prefix="declic-shop-")), services,
                campaigns=shop_files.CAMPAIGNS, policy=shop_files.POLICY)
    running = Shop(site)
    yield running
    print(site.logs())
    site.close()


def rfc3339(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_message_comes_at_its_time(shop):
    user, began = shop.user(), now_ms()
    shop.site.topics.put(shop.site.profiles, user, {"user": user, "attributes": {"first_name": "Nora"}})
    trigger = shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45.5, "items": 2}, time_ms=began)
    [record] = shop.wait_messages(user, 1)
    due = began + 3000
    assert due <= record.seen_ms <= due + 10000, f"{record.seen_ms - due} ms after it was due"
    id = shop_files.send_id("cart", user, "c1", trigger, "first")
    assert record.topic == shop.site.prefix + "out.push"
    assert {name: record.header(name) for name in (
        "declic-send-id", "declic-campaign", "declic-version", "declic-step", "declic-due", "content-type")} == {
        "declic-send-id": id, "declic-campaign": "cart", "declic-version": "1", "declic-step": "first",
        "declic-due": str(due), "content-type": "application/json"}
    value = record.json
    decided = value.pop("decided")
    assert rfc3339(due) <= decided <= rfc3339(due + 10000)
    assert {name: field for name, field in value.items() if field is not None} == {
        "send_id": id, "campaign": "cart", "version": 1, "step": "first", "channel": "push", "user": user, "key": "c1",
        "due": rfc3339(due), "trigger": {"id": trigger, "name": "cart_updated", "time": rfc3339(began)},
        "locale": value["locale"],
        "content": {"title": "Nora, your cart is waiting", "body": "2 articles"}}


def test_decisions_say_what_happened(shop):
    user = shop.user()
    trigger = shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1})
    sent = shop.wait_decision(user, "sent")[0]
    scheduled = shop.decisions(user, "scheduled")[0]
    id = shop_files.send_id("cart", user, "c1", trigger, "first")
    for record in (scheduled, sent):
        assert (record["campaign"], record["key"], record["step"], record["trigger_id"], record["send_id"]) == (
            "cart", "c1", "first", trigger, id)
    assert sent["message"] == {"title": "Hello, your cart is waiting", "body": "One article"}
    assert [record["outcome"] for record in shop.decisions(user)] == ["scheduled", "sent"]


def test_where_must_hold(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 29.5, "items": 1})
    shop.event(user, "cart_updated", {"cart_id": "c2", "items": 1})
    shop.stays(user, 0, began + 4500)
    assert shop.decisions(user) == []


def test_cancel_deletes(shop):
    user, began = shop.user(), now_ms() + AHEAD_MS
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1}, time_ms=began)
    cancel = shop.event(user, "order_placed", {"cart": "c1", "total": 45}, time_ms=began)
    [record] = shop.wait_decision(user, "cancelled")
    assert record["reason"] == cancel
    shop.stays(user, 0, began + 4500)
    assert [record["outcome"] for record in shop.decisions(user)] == ["scheduled", "cancelled"]


def test_cancel_of_another_cart_or_without_its_condition_does_not(shop):
    user = shop.user()
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1})
    shop.event(user, "order_placed", {"cart": "c2", "total": 45})
    shop.event(user, "order_placed", {"cart": "c1", "total": 0})
    shop.wait_messages(user, 1)
    assert shop.decisions(user, "cancelled") == []


def test_cancel_that_comes_first_wins(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "order_placed", {"cart": "c1", "total": 45}, time_ms=began)
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1}, time_ms=began - 500)
    [record] = shop.wait_decision(user, "ignored")
    assert record["reason"] == "cancelled"
    shop.stays(user, 0, began + 4000)


def test_cancel_does_not_reach_a_later_trigger(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "order_placed", {"cart": "c1", "total": 45}, time_ms=began - 1000)
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1}, time_ms=began)
    shop.wait_messages(user, 1)


def test_restart_moves(shop):
    user, began = shop.user(), now_ms() + AHEAD_MS
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1}, time_ms=began)
    second = shop.event(user, "cart_updated", {"cart_id": "c1", "total": 60, "items": 3}, time_ms=began + 2000)
    [record] = shop.wait_messages(user, 1)
    assert record.header("declic-due") == str(began + 5000)
    assert record.json["trigger"]["id"] == second
    assert record.json["content"]["body"] == "3 articles"
    assert [record["reason"] for record in shop.decisions(user, "restarted")] == [second]
    shop.stays(user, 1, began + 6500)


def test_older_trigger_is_superseded(shop):
    user, began = shop.user(), now_ms() + AHEAD_MS
    first = shop.event(user, "cart_updated", {"cart_id": "c1", "total": 45, "items": 1}, time_ms=began)
    shop.event(user, "cart_updated", {"cart_id": "c1", "total": 60, "items": 3}, time_ms=began - 2000)
    assert shop.wait_decision(user, "ignored")[0]["reason"] == "superseded"
    [record] = shop.wait_messages(user, 1)
    assert record.json["trigger"]["id"] == first


def test_keep_and_parallel(shop):
    user, began = shop.user(), now_ms() + AHEAD_MS
    for name in ("kept_trigger", "parallel_trigger"):
        for number in (1, 2):
            shop.event(user, name, {"thing": "t", "n": number}, time_ms=began)
    messages = shop.wait_messages(user, 3)
    shop.stays(user, 3, now_ms() + 1500)
    assert sorted((record.header("declic-campaign"), record.json["content"]["title"]) for record in messages) == [
        ("kept", "1"), ("parallel", "1"), ("parallel", "2")]
    assert [record["reason"] for record in shop.decisions(user, "ignored")] == ["pending"]


def test_duplicate_counts_once(shop):
    user = shop.user()
    trigger = shop.event(user, "parallel_trigger", {"thing": "t", "n": 1})
    shop.event(user, "parallel_trigger", {"thing": "t", "n": 1}, id=trigger)
    assert shop.wait_decision(user, "ignored")[0]["reason"] == "duplicate"
    shop.wait_messages(user, 1)
    shop.stays(user, 1, now_ms() + 1500)


def test_steps_in_their_order(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "signed_up", time_ms=began)
    messages = shop.wait_messages(user, 3)
    assert [record.header("declic-step") for record in messages] == ["welcome", "tips", "offer"]
    assert [int(record.header("declic-due")) - began for record in messages] == [0, 8000, 9000]


def test_cancel_in_the_middle_of_a_series(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "signed_up")
    shop.wait_messages(user, 1)
    shop.event(user, "left")
    assert sorted(record["step"] for record in shop.wait_decision(user, "cancelled", 2)) == ["offer", "tips"]
    shop.stays(user, 1, began + 11000)


def test_before_and_after_a_date(shop):
    user, began = shop.user(), now_ms()
    ends = began + 4000
    shop.event(user, "promotion_saved", {"ends": rfc3339(ends)})
    messages = shop.wait_messages(user, 2)
    assert [(record.header("declic-step"), int(record.header("declic-due")) - ends) for record in messages] == [
        ("before", -2000), ("after", 1000)]


def test_date_that_is_none_and_date_too_late(shop):
    user = shop.user()
    shop.event(user, "promotion_saved", {"ends": "soon"})
    assert shop.wait_decision(user, "ignored")[0]["reason"] == "no_date"
    shop.event(user, "promotion_saved", {"ends": rfc3339(now_ms() - 60000)})
    assert [record["reason"] for record in shop.wait_decision(user, "skipped", 2)] == ["late", "late"]
    assert shop.messages(user) == []


def test_transactional_is_never_late(shop):
    user, began = shop.user(), now_ms()
    shop.event(user, "order_confirmed", {"order_id": "o1"}, time_ms=began - 2 * 3600 * 1000)
    [record] = shop.wait_messages(user, 1)
    assert record.topic.endswith("out.email") and record.json["content"] == {"subject": "Order o1"}


def test_address_comes_from_the_profile(shop):
    user, other = shop.user(), shop.user()
    shop.site.topics.put(shop.site.profiles, user, {"user": user, "attributes": {"push_token": "0601"}})
    shop.site.flush()
    shop.event(other, "text_wanted")
    assert shop.wait_decision(other, "skipped")[0]["reason"] == "no_address"

    def reached():  # a profile and an event come on different topics: which arrives first is open
        shop.event(user, "text_wanted")
        return shop.messages(user)

    record = wait.until("the profile is known", reached, every=0.5)[0]
    assert record.json["address"] == "0601"


def test_pending_lists_what_is_due(shop):
    user, began = shop.user(), now_ms()
    trigger = shop.event(user, "kept_trigger", {"thing": "t", "n": 1}, time_ms=began + 60000)
    shop.wait_decision(user, "scheduled")

    def rows():
        return json.loads(shop.site.run("pending", "--user", user, "--json").stdout)

    [row] = wait.until("pending lists it", rows)
    assert {name: row[name] for name in ("campaign", "key", "step", "due", "send_id")} == {
        "campaign": "kept", "key": "t", "step": "only", "due": rfc3339(began + 63000),
        "send_id": shop_files.send_id("kept", user, "t", trigger, "only")}
    assert "kept" in shop.site.run("pending", "--user", user).stdout
    told = shop.site.run("explain", "--user", user).stdout.splitlines()
    assert told[0] == "kept" and told[1].endswith(f"step only was planned, due {rfc3339(began + 63000)} (key t)")
    shop.event(user, "kept_trigger", {"thing": "t", "n": 2})
    shop.wait_decision(user, "ignored")
    told = wait.until("explain tells it", lambda: [line for line in shop.site.run("explain", "--user", user, "--campaign", "kept")
                                                   .stdout.splitlines() if "began nothing" in line])
    assert told[0].endswith("began nothing: a journey is under way, and the campaign keeps it (key t)")


def test_campaigns_are_listed_and_shown(shop):
    assert all(name in shop.site.run("campaigns", "list").stdout for name in shop_files.CAMPAIGNS)
    assert "cart_updated" in shop.site.run("campaigns", "show", "cart").stdout
    shop.site.run("campaigns", "show", "nothing", code=1)


def test_metrics_and_health(shop):
    assert shop.run.get("/livez")[0] == 200
    assert shop.run.get("/readyz")[0] == 200
    status, body = shop.run.get("/metrics")
    assert status == 200 and body.rstrip().endswith("# EOF"), "OpenMetrics ends with # EOF"
    for word in ("lag", "fold", "pending", "lateness", "outcome", "dead", "transaction", "redis"):
        assert word in body, f"no metric about {word}"


def test_changed_campaign_holds_for_what_comes_after_apply(shop):
    user = shop.user()
    shop.event(user, "kept_trigger", {"thing": "old", "n": 1})
    shop.wait_decision(user, "scheduled")
    changed = shop_files.CAMPAIGNS["kept"].replace('"{{ event.n }}"', '"new {{ event.n }}"')
    (shop.site.campaigns / "kept.yaml").write_text(changed)
    shop.site.run("campaigns", "apply", shop.site.campaigns)
    shop.event(user, "kept_trigger", {"thing": "new", "n": 2})
    messages = shop.wait_messages(user, 2)
    assert sorted((record.header("declic-version"), record.json["content"]["title"]) for record in messages) == [
        ("1", "1"), ("2", "new 2")]
