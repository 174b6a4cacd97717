"""What concerns many users at once: an event about a thing, and the life of a campaign, also across kill -9."""

from collections import Counter
from datetime import datetime

from harness import wait
from harness.site import now_ms

POLICY = """
follows:
  favourites: {on: {event: added, thing: event.product}, off: {event: removed, thing: event.product}, expires: 180d}
"""

DROP = {"drop": """
campaign: drop
type: event
trigger: {event: price_dropped, thing: event.product, where: event.price < follow.price, followers: favourites}
steps:
  - {id: tell, send: {after: 2s}, channel: push, message: {title: "{{ event.price }}, not {{ follow.price }}"}}
"""}

CART = {"cart": """
campaign: cart
type: event
trigger: {event: cart}
steps:
  - {id: only, send: {after: %s}, channel: push, message: {title: "A cart"}}
"""}


class Decisions:
    """How often each (user, outcome, reason) was decided; repeats after a crash have the same id."""

    def __init__(self, site):
        self.reader = site.reader("decisions")
        self.ids = set()
        self.counts = Counter()  # (user, outcome, reason, step)
        self.kinds = Counter()  # (outcome, reason)

    def poll(self, seconds=0.1):
        fresh = 0
        for record in self.reader.poll(seconds):
            id = record.header("declic-decision-id")
            if id in self.ids:
                continue
            self.ids.add(id)
            one, fresh = record.json, fresh + 1
            self.counts[one["user"], one["outcome"], one.get("reason"), one.get("step")] += 1
            self.kinds[one["outcome"], one.get("reason")] += 1
        return fresh

    def wait(self, run, count, outcome, reason=None, step=None, seconds=60):
        """Waits for `count` of them, which must be of as many users."""

        def found():
            self.poll()
            return self.kinds[outcome, reason] >= count and len(users()) >= count

        def users():
            return {key[0]: times for key, times in self.counts.items()
                    if key[1:3] == (outcome, reason) and step in (None, key[3])}

        wait.until(f"{count} x {outcome} {reason or ''}", found, seconds, every=0,
                   describe=lambda: f"{self.kinds}\n{run.log_tail()}")
        assert len(users()) == count and set(users().values()) == {1}, Counter(users()).most_common(5)


def thing(site, name, attributes, id):
    site.topics.put(site.events, None, {"id": id, "name": name, "time": now_ms(), "attributes": attributes})
    site.flush()


def test_each_follower_enters_once_though_processes_die(site):
    made = site(campaigns=DROP, policy=POLICY, journal_partitions=2).prepare()
    outbound, decisions = made.reader("out.push"), Decisions(made)
    followers = 30000
    for number in range(followers):
        made.event(f"u{number}", "added", {"product": 7, "price": 10})
    made.event("elsewhere", "added", {"product": 8, "price": 10})
    made.event("has-it-cheaper", "added", {"product": 7, "price": 4})
    made.event("gone", "added", {"product": 7, "price": 10})
    made.event("gone", "removed", {"product": 7})
    made.flush()
    first = made.start()

    def is_followed():
        """The followers' events are folded when one that came after them on each partition is."""
        return first.metrics().get("declic_fold_entries_total", 0) >= followers + 4

    wait.until("they follow", is_followed, 60, describe=first.log_tail)
    thing(made, "price_dropped", {"product": 7, "price": 5}, "drop-1")
    wait.until("the first have entered", lambda: decisions.poll(0.005), 20, every=0, describe=first.log_tail)
    first.kill()
    while decisions.poll(1):
        pass
    entered = len(decisions.ids)
    assert 0 < entered < followers, "it was over before the kill: more followers are needed"
    second = made.processor().start()
    wait.until("more have entered", lambda: decisions.poll(0.005), 40,
               every=0, describe=second.log_tail)
    second.kill()
    third = made.start()
    decisions.wait(third, followers, "scheduled")
    records = outbound.wait(followers, 60)
    outbound.none_for(2)
    assert len(records) == followers
    assert {record.key.decode() for record in records} == {f"u{number}" for number in range(followers)}
    assert {record.json["content"]["title"] for record in records} == {"5, not 10"}

    # The same event once more is a duplicate for each of them, and another process has remembered it.
    thing(made, "price_dropped", {"product": 7, "price": 5}, "drop-1")
    decisions.wait(third, followers, "ignored", "duplicate")
    wait.until("no cursor is open any more", lambda: third.metrics().get("declic_cursors") == 0, describe=third.log_tail)
    assert third.stop() == 0


def begin_carts(site, users, after):
    made = site(campaigns={"cart": CART["cart"] % after}, journal_partitions=2).prepare()
    decisions = Decisions(made)
    run = made.start()
    for number in range(users):
        made.event(f"u{number}", "cart")
    made.flush()
    decisions.wait(run, users, "scheduled")
    return made, run, decisions


def test_archive_ends_what_is_pending(site):
    made, run, decisions = begin_carts(site, 5000, "1h")
    made.run("campaigns", "archive", "cart", "--yes")
    decisions.wait(run, 5000, "skipped", "ended")
    assert "cart" not in made.run("pending", "--user", "u77").stdout


def test_pause_that_expires(site):
    made, run, decisions = begin_carts(site, 3000, "1h")
    made.run("campaigns", "pause", "cart", "--pending", "expire")
    decisions.wait(run, 3000, "skipped", "paused")
    made.event("u1", "cart")
    made.flush()
    decisions.wait(run, 1, "ignored", "paused")


def test_pause_that_shifts(site):
    made, run, decisions = begin_carts(site, 3000, "12s")
    outbound = made.reader("out.push")
    made.run("campaigns", "pause", "cart", "--pending", "shift")
    paused = now_ms()
    outbound.none_for(14)
    made.run("campaigns", "resume", "cart")
    length = now_ms() - paused
    records = outbound.wait(3000, 40)
    shifts = {int(record.header("declic-due")) - triggered_ms(record) - 12000 for record in records}
    assert len(shifts) == 1, "all move by the same"
    assert abs(shifts.pop() - length) < 2000
    outbound.none_for(1)


def triggered_ms(record):
    return round(datetime.fromisoformat(record.json["trigger"]["time"].replace("Z", "+00:00")).timestamp() * 1000)


def test_new_version_takes_journeys_along(site):
    made, run, decisions = begin_carts(site, 3000, "1h")
    (made.campaigns / "cart.yaml").write_text(
        CART["cart"] % "1h" + "  - {id: late, send: {after: 2h}, channel: push, message: {title: b}}\n")
    made.run("campaigns", "apply", made.campaigns, "--pending", "migrate", "--yes")

    decisions.wait(run, 3000, "scheduled", step="late")
    assert "late" in made.run("pending", "--user", "u5").stdout
