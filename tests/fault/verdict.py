"""Judges a run: reads every topic from the start, compares with the oracle, and gives each finding to a fault.

An event is in time for a due instant when the journal had it a second before; and also when its source
topic had it two seconds before and nothing was injected since: while all runs it must not take longer.
A send belongs to the fault that was injected last before it fell due.
"""

import bisect
import collections
import dataclasses
import re
import time

import oracle
import stream
from harness import wait
from harness.site import now_ms

JOURNAL_MARGIN_MS = 1000
INTAKE_MS = 2000
CALM_AFTER_MS = 8000  # from everything ready to "nothing is wrong": the groups of the sources may still be sharing out
STRAINED_MS = 500  # a machine on which the broker takes longer to acknowledge is one that proves nothing
NOTHING = "(nothing)"
FINAL = ("sent", "cancelled", "skipped", "restarted")
SUMS = 7  # cells of a row that add up; of the others the worst counts
LOST, REPEATED, AFTER_CANCEL = "lost", "repeated", "after its cancel"


@dataclasses.dataclass
class Window:
    """One fault: from its injection to the next one's."""

    name: str
    began_ms: int
    text: str = ""
    back_from_ms: int = 0  # struck or healed: from then on it has to come back
    settled_ms: int = 0
    until_ms: int = 0
    astray_ms: int = 0
    is_kill: bool = False
    failure: str = ""


class Times:
    """Which window an instant belongs to."""

    def __init__(self, windows, events, strained):
        self.windows = windows
        self.strained = strained | {event.acked_ms // 1000 for event in events if event.acked_ms - event.put_ms > STRAINED_MS}
        self.begins = [window.began_ms for window in windows]
        for window, following in zip(windows, windows[1:]):
            window.until_ms = following.began_ms
        windows[-1].until_ms = now_ms() + 3600000

    def window(self, at_ms):
        return self.windows[max(0, bisect.bisect_right(self.begins, at_ms) - 1)]

    def calm(self, from_ms, to_ms):
        """Whether nothing was wrong from then to then, nor the machine out of breath."""
        window = self.window(from_ms)
        return from_ms >= window.settled_ms + CALM_AFTER_MS and to_ms < window.until_ms and self.at_ease(from_ms, to_ms)

    def at_ease(self, from_ms, to_ms):
        """Whether the machine was fast enough to judge by time."""
        return self.strained.isdisjoint(range(from_ms // 1000 - 1, to_ms // 1000 + 3))

    def astray(self, due_ms):
        """Whether a process may have taken an earlier instant for that one."""
        return any(window.astray_ms and window.began_ms <= due_ms < window.settled_ms + window.astray_ms
                   for window in self.windows)

    def in_time(self, event, due_ms):
        if self.astray(due_ms):
            return False
        return event.arrived_ms <= due_ms - JOURNAL_MARGIN_MS or (
            event.acked_ms <= due_ms - INTAKE_MS and self.calm(event.acked_ms, due_ms))


def note_arrivals(site, events, seconds):
    """When the journal had each event first. Its blocks hold the ids as they are, and its topic the broker's time."""
    journal = site.reader("journal", committed=False)
    first = {}

    def missing():
        for record in journal.poll(0.2):
            for id in re.findall(rb"e[0-9]+\.[0-9]", record.value or b""):
                first[id.decode()] = min(record.timestamp_ms, first.get(id.decode(), record.timestamp_ms))
        journal.records.clear()
        return [event.id for event in events if event.id not in first and event.name != "page_viewed"]

    wait.until("every event is in the journal", lambda: not missing(), seconds, describe=lambda: missing()[:5])
    for event in events:
        event.arrived_ms = first.get(event.id, 0)


@dataclasses.dataclass
class Finding:
    what: str
    send_id: str
    due_ms: int
    place: str  # campaign, user, key
    fault: str

    @property
    def user(self):
        return self.place.split(" ")[1]


class Verdict:
    def __init__(self, site, events, windows, seen, strained):
        """seen: of each message when it was seen and its due, as they came; strained: see Breath."""
        self.site = site
        self.events = events
        self.times = Times(windows, events, strained)
        self.seen = seen
        self.counts = collections.Counter()
        self.findings = []

    def reach(self, watch_seconds):
        note_arrivals(self.site, self.events, watch_seconds)
        self.verdicts = oracle.judge(stream.CAMPAIGNS, self.events, self.times.in_time)
        self._read(watch_seconds)
        for id, (verdict, due, place) in self.verdicts.items():
            fault = self.times.window(due).name
            if verdict == oracle.MUST and self.counts[id] == 0:
                self.findings.append(Finding(LOST, id, due, place, fault))
            if self.counts[id] > 1:
                self.findings.append(Finding(REPEATED, id, due, place, fault))
            if verdict == oracle.NEVER and self.counts[id] > 0:
                self.findings.append(Finding(AFTER_CANCEL, id, due, place, fault))
        self.unknown = [id for id in self.counts if id not in self.verdicts]
        self._contradictions()
        return self

    def _read(self, watch_seconds):
        """All messages, until each that must come has come, and those that may come had their time."""
        must = {id for id, (verdict, _, _) in self.verdicts.items() if verdict == oracle.MUST}
        readers = [self.site.reader(name) for name in ("out.push", "out.email")]

        def read():
            for reader in readers:
                for record in reader.poll(0.1):
                    self.counts[record.header("declic-send-id")] += 1
                reader.records.clear()
            return must <= self.counts.keys()

        last_due = max(due for _, due, _ in self.verdicts.values())
        deadline = time.monotonic() + max(0, last_due - now_ms()) / 1000 + watch_seconds
        while time.monotonic() < deadline and not read():
            pass
        quiet = time.monotonic() + max(0, last_due - now_ms()) / 1000 + 3
        while time.monotonic() < quiet:
            read()

    def _contradictions(self):
        """Each send that was scheduled and came to an end has one outcome, and it is what came out."""
        final = collections.defaultdict(set)
        for record in self.site.reader("decisions").drain(2, 120):
            decision = record.json
            if decision["outcome"] in FINAL:
                final[decision["send_id"]].add(decision["outcome"])
        for id, (_, due, place) in self.verdicts.items():
            outcomes = final.get(id, set())
            if len(outcomes) > 1 or ("sent" in outcomes) != (self.counts[id] > 0):
                what = f"decided {' and '.join(sorted(outcomes)) or 'nothing'}, {self.counts[id]} messages"
                self.findings.append(Finding(what, id, due, place, self.times.window(due).name))

    def slow_intake(self):
        """Events that the journal had late though nothing was wrong."""
        return [event for event in self.events if event.arrived_ms > event.acked_ms + INTAKE_MS
                and self.times.calm(event.acked_ms, event.arrived_ms)]

    def back_after(self, window):
        """In ms: until the journal had what the source topics had meanwhile, and until messages came when due."""
        def worst(pairs):
            return max((came - max(expected, window.back_from_ms) for expected, came in pairs
                        if window.began_ms <= expected < window.settled_ms), default=0)

        taken = worst((event.acked_ms, event.arrived_ms) for event in self.events if event.arrived_ms)
        fired = worst((due, seen) for seen, due, *_ in self.seen)
        return max(0, taken), max(0, fired)

    def latest(self, window):
        """The message that was latest of those that fell due then: seen, due, produced, where."""
        return max((one for one in self.seen if window.began_ms <= one[1] < window.settled_ms),
                   key=lambda one: one[0] - max(one[1], window.back_from_ms), default=None)

    def held_up(self, window):
        """The longest that an event of that time lay in its source topic before the journal had it, in ms."""
        return max((event.arrived_ms - event.acked_ms for event in self.events
                    if event.arrived_ms and window.began_ms <= event.acked_ms < window.settled_ms), default=0)

    def table(self):
        """fault -> times, events in, messages out, lost, repeated, after cancel, contradictions; and in ms: until
        intake and messages were back, and the longest that an event waited for the journal."""
        rows = collections.OrderedDict((window.name, [0] * 10) for window in self.times.windows)
        for window in self.times.windows:
            row = rows[window.name]
            row[0] += 0 if window.name == NOTHING else 1
            row[SUMS:] = map(max, row[SUMS:], (*self.back_after(window), self.held_up(window)))
        for event in self.events:
            rows[self.times.window(event.acked_ms).name][1] += 1
        for id, (_, due, _) in self.verdicts.items():
            rows[self.times.window(due).name][2] += self.counts[id]
        for finding in self.findings:
            rows[finding.fault][{LOST: 3, REPEATED: 4, AFTER_CANCEL: 5}.get(finding.what, 6)] += 1
        return rows


def add_up(earlier, rows):
    """Rows of several runs as those of one."""
    for name, row in rows.items():
        before = earlier.setdefault(name, [0] * len(row))
        earlier[name] = [a + b for a, b in zip(before[:SUMS], row[:SUMS])] + [max(a, b) for a, b in zip(before[SUMS:], row[SUMS:])]
    return earlier


def print_table(rows):
    print("\n| fault | times | events in | messages out | lost | repeated | after cancel | decided otherwise "
          "| intake back, s | messages back, s | longest wait, s |")
    print("| --- " + "| ---: " * 10 + "|")
    for name, row in rows.items():
        times = [f"{ms / 1000:.1f}" for ms in row[SUMS:]] if row[0] else [""] * 3
        print(f"| {name} | " + " | ".join(map(str, row[:SUMS] + times)) + " |")
    print("| all | " + " | ".join(str(sum(row[n] for row in rows.values())) for n in range(SUMS)) + " | | | |")
