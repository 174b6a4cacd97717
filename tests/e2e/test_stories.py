"""Some of tests/stories through the real `declic run`, in seconds: the decisions must be those of the story.

A story's durations are divided so that it ends soon; its event names, campaigns and users get a prefix, so that all of
them run side by side on one deployment. What differs live by nature is not compared: when exactly something was decided.
"""

import datetime
import json
import pathlib
import re
import time

import pytest

from harness import wait
from harness.site import Site, now_ms

STORIES = pathlib.Path(__file__).resolve().parents[1] / "stories"
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
# Each with what its times are divided by: what must come before a due instant comes two seconds before it.
SELECTED = {
    "cart-other-cart-ordered": 600, "cart-restart": 900, "cart-changed-after-the-first": 900, "older-trigger": 600, "cancel-comes-first": 600,
    "cancel-that-looks-at-the-trigger": 600, "both-cancel-and-trigger": 15, "duplicate-event": 600, "when-pending-keep": 600,
    "when-pending-parallel": 600, "when-pending-update": 600, "when-pending-restart-always": 900, "cooldown-and-entry-limit": 30_000,
    "three-visits-of-three-pages": 5000, "restart-moves-the-entry": 900, "key-that-has-no-value": 600, "alternative-triggers": 900,
    "message-says-abort-or-fails": 30, "condition-of-a-step": 600,
}


def ms_of(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Story:
    def __init__(self, name):
        self.name, self.scale, folder = name, SELECTED[name], STORIES / name
        self.prefix = name.replace("-", "")
        self.lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        self.expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines() if not line.startswith("#")]
        self.campaigns = {path.stem: path.read_text() for path in sorted((folder / "campaigns").glob("*.yaml"))}
        self.start_ms = min(ms_of(line.get("arrives", line["time"])) for line in self.lines)
        self.base_ms, self.late_ms = None, 0
        self.stops = (folder / "until").exists()  # the story ends before all is decided
        self.owners = {line["id"]: line["user"] for line in self.lines if "id" in line}
        assert not (folder / "policy.yaml").exists()

    def duration(self, match):
        ms = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d|w)", match[0]))
        return f"{round(ms / self.scale)}ms"

    def rewritten(self, text):
        text = re.sub(r"\b(?:\d+(?:ms|s|m|h|d|w))+\b", self.duration, text)
        text = re.sub(r"^campaign: (.*)$", rf"campaign: {self.name}-\1", text, flags=re.M)
        text = re.sub(r"\bevent: ([a-z_]+)", rf"event: {self.prefix}_\1", text)
        return re.sub(r'count\("', f'count("{self.prefix}_', text)

    def instant(self, text):
        return self.base_ms + round((ms_of(text) - self.start_ms) / self.scale)

    def user(self, name):
        return f"{self.name}-{name}"

    def publish(self, site, line, on_delivery):
        if line.get("kind") == "profile":
            site.topics.put(site.profiles, self.user(line["user"]), {**line, "user": self.user(line["user"]), "time": self.instant(line["time"])}, on_delivery=on_delivery)
            return
        more = {name: line[name] for name in ("id", "attributes") if name in line}
        site.topics.put(site.events, self.user(line["user"]), {
            **more, "user": self.user(line["user"]), "name": f"{self.prefix}_{line['name']}", "time": self.instant(line["time"])},
            on_delivery=on_delivery)

    def arrived_by(self, at_ms):
        def on_delivery(error, _):
            assert error is None
            self.late_ms = max(self.late_ms, now_ms() - at_ms)

        return on_delivery

    def end_ms(self):
        return max(self.instant(record["at"]) for record in self.expected)


def slowness_ms(found):
    """How late the latest of those sends was that were planned a second ahead."""
    late_ms = 0
    for records in found.values():
        planned = {record["send_id"] for record in records if record["outcome"] == "scheduled" and ms_of(record["at"]) + 1000 < ms_of(record["due"])}
        late_ms = max([late_ms] + [ms_of(record["at"]) - ms_of(record["due"]) for record in records
                                   if record["outcome"] == "sent" and record["send_id"] in planned])
    return late_ms


def comparable(record):
    return {name: record.get(name) for name in ("outcome", "reason", "step", "trigger_id", "message")}


@pytest.fixture(scope="module")
def played(services, tmp_path_factory):
    """All the stories at once; returns them, and the decisions by user."""
    stories = [Story(name) for name in SELECTED]
    campaigns = {f"{story.name}-{name}": story.rewritten(text) for story in stories for name, text in story.campaigns.items()}
    site = Site(tmp_path_factory.mktemp("stories"), services, campaigns=campaigns, source_partitions=1,
                settings={"profile": {"attributes": ["tier"]}})
    site.prepare().start()
    base_ms = now_ms() + 1000
    for story in stories:
        story.base_ms = base_ms
    plan = sorted(((story.instant(line.get("arrives", line["time"])), order, story, line)
                   for story in stories for order, line in enumerate(story.lines)), key=lambda one: one[:2])
    for at_ms, _, story, line in plan:
        while now_ms() < at_ms:
            site.topics.producer.poll(min(0.05, max(0, at_ms - now_ms()) / 1000))
        story.publish(site, line, story.arrived_by(at_ms))
    site.flush()
    reader, found = site.reader("decisions"), {}

    def all_there():
        for record in reader.poll(0.05):
            found.setdefault(record.key.decode(), []).append(record.json)
        return all(sum(len(found.get(story.user(name), [])) for name in set(story.owners.values())) >= len(story.expected)
                   for story in stories)

    try:
        wait.until("all decisions", all_there, max(story.end_ms() for story in stories) / 1000 - time.time() + 20)
    except AssertionError as error:
        print(error)  # each story tells what it lacks
    time.sleep(1)
    all_there()
    yield {story.name: story for story in stories}, found
    print(site.logs())
    site.close()


@pytest.mark.parametrize("name", SELECTED)
def test_the_story_is_the_same_live(played, name):
    story, found = played[0][name], played[1]
    if story.late_ms > 700:
        pytest.skip(f"Kafka took its events up to {story.late_ms} ms late: no two seconds before what was due")
    for user in sorted({line["user"] for line in story.lines}):
        expected = [record for record in story.expected if story.owners[record["trigger_id"]] == user]
        records = found.get(story.user(user), [])[:len(expected) if story.stops else None]
        # Journey by journey: what the fold says and what the due loop says may overtake each other.
        records, expected = (sorted(some, key=lambda record: record["trigger_id"]) for some in (records, expected))
        happened, told = [comparable(record) for record in records], [comparable(record) for record in expected]
        if happened != told and slowness_ms(found) > 1000:
            pytest.skip(f"the machine is too busy: a send was {slowness_ms(found)} ms late")
        assert happened == told
        for record, wanted in zip(records, expected):
            if "due" in wanted:
                assert abs(ms_of(record["due"]) - story.instant(wanted["due"])) <= 2, (record, wanted)
