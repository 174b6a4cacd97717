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
    """How often each (user, outcome, reason) was decided, of journeys with that key; repeats after a crash have the
    same id."""

    def __init__(self, site, key=None):
        self.reader = site.reader("decisions")
        self.key = key
        self.ids = set()
        self.counts = Counter()  # (user, outcome, reason, step)
        self.kinds = Counter()  # (outcome, reason)

    def poll(self, seconds=0.1):
        fresh = 0
        for record in self.reader.poll(seconds):
            id = record.header("declic-decision-id")
            if id in self.ids or self.key not in (None, record.json["key"]):
                continue
            self.ids.add(id)
            one, fresh = record.json, fresh + 1
            self.counts[one["user"], one["outcome"], one.get("reason"), one.get("step")] += 1
            self.kinds[one["outcome"], one.get("reason")] += 1
        return fresh

    def wait(self, run, count, outcome, reason=None, step=None, seconds=120):
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


FOLLOWERS = 30000


def follow(made, run, product):
    """That many users do, and of three others one another thing, one for less, and one no more."""
    before = run.metrics()["declic_fold_entries_total"]
    for number in range(FOLLOWERS):
        made.event(f"u{number}", "added", {"product": product, "price": 10})
    made.event("elsewhere", "added", {"product": -product, "price": 10})
    made.event("has-it-cheaper", "added", {"product": product, "price": 4})
    made.event("gone", "added", {"product": product, "price": 10})
    made.event("gone", "removed", {"product": product})
    made.flush()
    wait.until("they follow", lambda: run.metrics().get("declic_fold_entries_total", 0) >= before + FOLLOWERS + 4, 120,
               describe=run.log_tail)


def killed_while_they_enter(made, run, product):
    """The price drops, and the process dies when the first have entered; None when all had by then."""
    decisions = Decisions(made, str(product))
    thing(made, "price_dropped", {"product": product, "price": 5}, f"drop-{product}")
    wait.until("the first have entered", lambda: decisions.poll(0.005), every=0, describe=run.log_tail)
    run.kill()
    while decisions.poll(1):
        pass
    return decisions if len(decisions.ids) < FOLLOWERS else None


def test_each_follower_enters_once_though_processes_die(site):
    made = site(campaigns=DROP, policy=POLICY, journal_partitions=2).prepare()
    outbound = made.reader("out.push")
    decisions, product = None, 0
    while decisions is None and product < 5:
        product += 1
        first = made.start()
        follow(made, first, product)
        decisions = killed_while_they_enter(made, first, product)
    assert decisions, "it was over before the kill, five times: more followers are needed"
    second = made.processor().start()
    wait.until("more have entered", lambda: decisions.poll(0.005), every=0, describe=second.log_tail)
    second.kill()
    third = made.start()
    decisions.wait(third, FOLLOWERS, "scheduled")
    records = outbound.wait(FOLLOWERS * product, 120)
    outbound.none_for(2)
    sent = Counter((record.json["key"], record.key.decode()) for record in records)
    assert sent == {(str(key), f"u{number}"): 1 for key in range(1, product + 1) for number in range(FOLLOWERS)}
    assert {record.json["content"]["title"] for record in records} == {"5, not 10"}

    # The same event once more is a duplicate for each of them, and another process has remembered it.
    thing(made, "price_dropped", {"product": product, "price": 5}, f"drop-{product}")
    decisions.wait(third, FOLLOWERS, "ignored", "duplicate")
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
    made, run, decisions = begin_carts(site, 3000, "20s")
    outbound = made.reader("out.push")
    before_pause = now_ms()
    made.run("campaigns", "pause", "cart", "--pending", "shift")
    after_pause = now_ms()
    outbound.none_for((before_pause + 21000 - now_ms()) / 1000)  # all would have been due
    before_resume = now_ms()
    made.run("campaigns", "resume", "cart")
    after_resume = now_ms()
    records = outbound.wait(3000, 120)
    shifts = {int(record.header("declic-due")) - triggered_ms(record) - 20000 for record in records}
    assert len(shifts) == 1, "all move by the same"
    assert before_resume - after_pause - 100 <= shifts.pop() <= after_resume - before_pause + 100
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
