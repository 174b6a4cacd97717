"""Campaigns that are changed, paused, resumed and archived while messages are pending, as people do it: what becomes of each.

One deployment plays all of it at once. Every campaign has a first message after half a minute and a second one after
an hour. A first user enters before anything happens to the campaign, a second one while it is as it was made to be.
"""

import datetime
import time
import zoneinfo

import pytest

from harness import wait
from harness.site import Site, now_ms

AFTER_S = 30
STEPS = """
  - {id: first, send: {after: %ds}, channel: push, message: {title: "%s"}}
  - {id: second, send: {after: 1h}, channel: push, message: {title: "%s"}}
"""


def campaign(name, text, more=""):
    return (f"campaign: {name}\ntype: event\ntrigger: {{event: {name}-begins}}\nentry: {{key: event.n}}\n{more}steps:"
            + STEPS % (AFTER_S, text, text))


PAUSED = ("hold", "hold-late", "shift", "expire", "drain")
CHANGED = ("finish", "migrate", "cancel")
CAMPAIGNS = {name: campaign(name, "as it was", "late: {tolerance: 1s}\n" if name == "hold-late" else "")
             for name in (*PAUSED, *CHANGED, "archive")}

SCHEDULED = [("scheduled", None, step, 1, None) for step in ("first", "second")]
SENT = ("sent", None, "first", 1, "as it was")


def skipped(reason, *steps):
    return [("skipped", reason, step, 1, None) for step in steps]


# What becomes of the first user, after his two steps were scheduled
FIRST_USER = {
    "hold": [SENT],  # half a minute late, which is within the hour that is usual
    "hold-late": skipped("late", "first"),
    "shift": [SENT],
    "expire": skipped("paused", "first", "second"),
    "drain": [SENT],
    "finish": [SENT],
    "migrate": [("sent", None, "first", 2, "changed")],
    "cancel": skipped("ended", "first", "second"),
    "archive": skipped("ended", "first", "second"),
}
# What the second user's trigger comes to at once
IGNORED = [("ignored", "paused", None, 1, None)]
CHANGED_ENTRY = [("scheduled", None, step, 2, None) for step in ("first", "second")]
SECOND_USER = {**{name: IGNORED for name in PAUSED}, **{name: CHANGED_ENTRY for name in CHANGED}, "archive": []}


def ms_of(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def told(record):
    return (record["outcome"], record.get("reason"), record.get("step"), record["version"], record.get("message", {}).get("title"))


class Life:
    """The site, and the decisions by user."""

    def __init__(self, site):
        self.site, self.found, self.due_ms = site, {}, {}
        self.reader = site.reader("decisions")

    def decisions(self, user):
        for record in self.reader.poll(0.05):
            self.found.setdefault(record.key.decode(), []).append(record.json)
        return self.found.get(user, [])

    def enter(self, which):
        self.due_ms[which] = now_ms() + AFTER_S * 1000
        for number, name in enumerate(CAMPAIGNS):
            self.site.event(f"{which}-{name}", f"{name}-begins", {"n": number})
        self.site.flush()

    def wait_for(self, which, expected):
        def all_there():
            return all(len(self.decisions(f"{which}-{name}")) >= len(records) for name, records in expected.items())

        wait.until(f"the decisions for the {which} users", all_there, AFTER_S + 60, describe=lambda: {
            user: [told(record) for record in records] for user, records in self.found.items() if user.startswith(which)})

    def change(self):
        """Everything that happens while the first users' messages are pending."""
        run = self.site.run
        run("campaigns", "pause", "hold", "hold-late")
        for treatment in ("shift", "expire", "drain"):
            run("campaigns", "pause", treatment, "--pending", treatment)
        for treatment in CHANGED:
            folder = self.site.folder / treatment
            folder.mkdir()
            (folder / f"{treatment}.yaml").write_text(campaign(treatment, "changed"))
            run("campaigns", "apply", folder, *(() if treatment == "finish" else ("--pending", treatment)))
        run("campaigns", "archive", "archive")


@pytest.fixture(scope="module")
def life(services, tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("life"), services, campaigns=CAMPAIGNS, policy="time_zone: Europe/Paris\n")
    site.prepare().start()
    made = Life(site)
    made.enter("first")
    made.wait_for("first", {name: SCHEDULED for name in CAMPAIGNS})
    made.paused_ms = now_ms()
    made.change()
    if now_ms() > made.due_ms["first"] - 3000:
        pytest.skip("the machine is too busy: the campaigns were not changed before the first messages were due")
    made.enter("second")
    made.wait_for("second", SECOND_USER)
    # What a pause holds back is not sent at its due instant, while what drains is.
    made.wait_for("first", {name: SCHEDULED + FIRST_USER[name] for name in (*CHANGED, "drain")})
    time.sleep(max(0, made.due_ms["first"] + 2000 - now_ms()) / 1000)
    made.before_resume = {name: list(made.decisions(f"first-{name}")) for name in PAUSED}
    made.explained = {command: site.run(*command.split()).stdout.splitlines() for command in (
        "explain --user first-hold", "pending --user first-hold", "explain --user first-drain", "explain --user first-hold --campaign other")}
    made.resumed_ms = now_ms()
    site.run("campaigns", "resume", *PAUSED)
    made.wait_for("first", {name: SCHEDULED + FIRST_USER[name] for name in CAMPAIGNS})
    yield made
    print(site.logs())
    site.close()


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_what_was_pending(life, name):
    assert [told(record) for record in life.decisions(f"first-{name}")] == SCHEDULED + FIRST_USER[name]


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_who_enters_then(life, name):
    happened = [told(record) for record in life.decisions(f"second-{name}")]
    assert happened[:len(SECOND_USER[name])] == SECOND_USER[name]
    assert name in CHANGED or happened == SECOND_USER[name]


@pytest.mark.parametrize("name", ("hold", "hold-late", "shift"))
def test_nothing_goes_out_in_a_pause(life, name):
    assert [told(record) for record in life.before_resume[name]] == SCHEDULED


def test_people_are_told_of_the_pause_and_of_local_times(life):
    due = life.decisions("first-hold")[0]["due"]
    local = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")).astimezone(zoneinfo.ZoneInfo("Europe/Paris"))
    paris = f"{local:%a} {local.day} {local:%b %H:%M}"
    told = life.explained["explain --user first-hold"]
    assert told[:2] == ["times are UTC; in brackets what the clock shows in Europe/Paris, where first-hold is",
                        "hold, which is paused: what is pending waits until it is resumed"]
    assert told[2].endswith(f"step first was planned, due {due} ({paris}) (key 0)")
    listed = life.explained["pending --user first-hold"]
    assert listed[1].split("  ")[:2] == [due, paris] and listed[-1] == told[1]
    assert life.explained["explain --user first-drain"][1] == "drain, which is paused: what is pending goes out, nothing new enters"
    assert life.explained["explain --user first-hold --campaign other"] == ["there is no campaign other (`declic campaigns list` has them all)"]


def test_what_was_held_keeps_its_due(life):
    sent = life.decisions("first-hold")[-1]
    assert sent["due"] == life.decisions("first-hold")[0]["due"]


def test_what_was_shifted_moves_by_the_length_of_the_pause(life):
    scheduled, sent = life.decisions("first-shift")[0], life.decisions("first-shift")[-1]
    moved_ms = ms_of(sent["due"]) - ms_of(scheduled["due"])
    assert life.resumed_ms - life.due_ms["first"] < moved_ms <= now_ms() - life.paused_ms
    assert sent["at"] >= sent["due"]
