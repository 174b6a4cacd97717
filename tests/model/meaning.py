"""What campaigns mean, once more: an independent model that keeps everything and forgets nothing.

Knows no file of the program. Takes campaigns and a policy as plain dictionaries whose expressions are trees
(see expressions.py), lines as `declic simulate` reads them, and yields the decision records without
their send ids. Written to be read beside the manual, not to be fast.
"""

import datetime
from zoneinfo import ZoneInfo

from dating import Dating
from deciding import Deciding
from expressions import REMEMBERED, Err, holds, printed, value_of
from localtime import DAY, EPOCH, HOUR, WEEKDAYS, from_iso, instant_of, iso, local, uuid5, zone


class Model(Dating, Deciding):
    def __init__(self, campaigns, policy, until=None):
        self.campaigns = sorted(campaigns, key=lambda campaign: campaign["campaign"].encode())
        self.policy = policy
        self.until = until
        self.records = []
        self.users = {}
        self.clock = None
        self.pending = []  # (user, journey, step state)
        self.wakes = []  # (instant, user, campaign, alternative)
        self.running_out = False
        self.things = {}

    # --- small things

    def user(self, name):
        return self.users.setdefault(name, {
            "name": name, "profile": {}, "journeys": [], "events": [], "cancels": [], "entries": {}, "ids": {},
            "times": {}, "follows": {}, "sent": [], "entered_ids": set()})

    def record(self, user, campaign, key, outcome, **more):
        self.records.append({"at": iso(self.clock), "user": user["name"], "campaign": campaign["campaign"], "version": 1,
                             "key": key, "outcome": outcome, **more})

    def user_zone(self, user):
        return zone(user["profile"].get("time_zone")) or self.policy_zone()

    def policy_zone(self):
        return zone(self.policy.get("time_zone")) or ZoneInfo("UTC")

    def spec_zone(self, spec, env):
        if spec is None:
            return self.policy_zone()
        if isinstance(spec, str):
            return zone(spec) or self.policy_zone()
        try:
            return zone(value_of(spec, env)) or self.policy_zone()
        except Err:
            return self.policy_zone()

    def env(self, user, now, **variables):
        return {"profile": user["profile"], "user": {"id": user["name"]}, "now": now, "history": user["events"], **variables}

    def event_env(self, user, event, **more):
        return self.env(user, event["time"], event=event["attributes"], meta=event, **more)

    # --- dates and dues

    def date_of(self, value, tz):
        """(instant, local date) or None."""
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, (int, float)):
            ms = int(value // 1)
        elif isinstance(value, str):
            try:
                if len(value) == 10:
                    ms = instant_of(datetime.date.fromisoformat(value), 0, tz)
                else:
                    parsed = datetime.datetime.fromisoformat(value)
                    if parsed.tzinfo is None:
                        return None
                    ms = int((parsed - EPOCH) // datetime.timedelta(milliseconds=1))
            except ValueError:
                return None
        else:
            return None
        if not -62167219200000 <= ms <= 253402300799999:
            return None
        return ms, local(ms, tz).date()

    def due(self, step, trigger, env):
        send = step.get("send") or {}
        tz = self.spec_zone(send.get("time_zone"), env)
        base, day = trigger["time"], trigger.get("day")
        if "date" in send:
            try:
                found = self.date_of(value_of(send["date"], env), tz)
            except Err:
                found = None
            if found is None:
                return None
            base, day = found
        elif day is None:
            day = local(base, tz).date()
        on = [WEEKDAYS.index(name) for name in send.get("on", [])]
        if "days" in send:
            date = day + datetime.timedelta(days=send["days"])
            minute = int(send["at"][:2]) * 60 + int(send["at"][3:])
            if send["days"] == 0 and "date" not in send and instant_of(date, minute, tz) < trigger["time"]:
                date += datetime.timedelta(days=1)
            while on and date.weekday() not in on:
                date += datetime.timedelta(days=1)
            return instant_of(date, minute, tz)
        due = base + send.get("after_ms", 0) - send.get("before_ms", 0)
        wall = local(due, tz)
        date = wall.date()
        if not on or date.weekday() in on:
            return due
        while date.weekday() not in on:
            date += datetime.timedelta(days=1)
        of_day = ((wall.hour * 60 + wall.minute) * 60 + wall.second) * 1000 + wall.microsecond // 1000
        return instant_of(date, 0, tz, of_day)

    # --- entering

    def ignored(self, user, campaign, key, trigger, reason):
        self.record(user, campaign, key, "ignored", reason=reason, trigger_id=trigger["id"])

    def step_record(self, user, journey, state, outcome, **more):
        step = state["step"]
        self.record(user, journey["campaign"], journey["key"], outcome, step=step["id"], channel=step["channel"],
                    trigger_id=journey["trigger"]["id"], **more)

    def open_of(self, user, campaign):
        return [journey for journey in user["journeys"]
                if journey["campaign"] is campaign and any(state["pending"] for state in journey["steps"])]

    def enter(self, user, campaign, key, trigger, env, duplicate=False, changed=False):
        entry = campaign.get("entry", {})
        when = entry.get("when_pending", "restart")
        time = trigger["time"]

        def check():
            if duplicate:
                return "duplicate"
            if "starts" in campaign and time < from_iso(campaign["starts"]):
                return "not_started"
            if "ends" in campaign and time >= from_iso(campaign["ends"]):
                return "ended"
            if "audience" in campaign and not holds(campaign["audience"], env):
                return "audience"
            for cancel in user["cancels"]:
                if cancel["campaign"] is campaign and self.clock - cancel["arrived"] < HOUR and not cancel["fresh"] and \
                        self.cancel_hits(user, cancel, trigger):
                    return "cancelled"
            return None

        reason = check()
        if reason:
            return self.ignored(user, campaign, key, trigger, reason)
        same = [journey for journey in self.open_of(user, campaign) if journey["key"] == key]
        current = same[-1] if same and when != "parallel" else None
        entries = user["entries"].setdefault(campaign["campaign"], [])
        if current:
            older = time < current["trigger"]["time"] and not changed
            if when == "keep":
                reason = "pending"
            elif when == "update":
                reason = "superseded" if older else "pending"
                if not older:
                    current["trigger"]["attributes"] = trigger["attributes"]
                    current["trigger"]["follow"] = trigger.get("follow")
            elif older:
                reason = "superseded"
            elif current["sent"] and (when == "restart" or changed and current["trigger"]["id"] == trigger["id"]):
                reason = "in_progress"
        else:
            of_key = [one for one in entries if one["key"] == key]
            if "cooldown_ms" in entry and of_key and time - of_key[-1]["time"] < entry["cooldown_ms"]:
                reason = "cooldown"
            elif "at_most" in entry and sum(time - entry["at_most"]["within_ms"] < one["time"] <= time for one in entries) \
                    >= entry["at_most"]["count"]:
                reason = "entry_limit"
            elif sum(any(state["pending"] for state in journey["steps"]) for journey in user["journeys"]) >= REMEMBERED:
                reason = "limit"
        if reason:
            return self.ignored(user, campaign, key, trigger, reason)
        dues = [self.due(step, trigger, env) for step in campaign["steps"]]
        if all(due is None for due in dues):
            return self.ignored(user, campaign, key, trigger, "no_date")
        if current:
            journey = current
            for state in journey["steps"]:
                if state["pending"]:
                    state["pending"] = False
                    self.step_record(user, journey, state, "restarted", reason=trigger["id"], due=iso(state["due"]))
            if not journey["sent"]:
                user["entered_ids"].discard((campaign["campaign"], key, journey["trigger"]["id"]))
            journey["trigger"], journey["sent"] = trigger, False
            journey["note"]["time"] = time
            self.note_entry(campaign, entries, journey)
        else:
            journey = {"campaign": campaign, "key": key, "trigger": trigger, "sent": False, "note": {"key": key, "time": time}}
            self.note_entry(campaign, entries, journey)
            user["journeys"].append(journey)
        journey["steps"] = [{"step": step, "due": due, "pending": due is not None} for step, due in zip(campaign["steps"], dues)]
        for state in journey["steps"]:
            if state["due"] is None:
                self.step_record(user, journey, state, "skipped", reason="no_date")
            else:
                self.step_record(user, journey, state, "scheduled", due=iso(state["due"]))
                self.put_in_calendar(user, journey, state)
        if "alternative" in trigger:
            user["entered_ids"].add((campaign["campaign"], key, trigger["id"]))

    def note_entry(self, campaign, entries, journey):
        """Entries are known by the thousand, where something asks for them."""
        if not {"cooldown_ms", "at_most"} & set(campaign.get("entry", {})) or any(note is journey["note"] for note in entries):
            return
        del entries[:max(0, len(entries) + 1 - REMEMBERED)]
        entries.append(journey["note"])

    def put_in_calendar(self, user, journey, state):
        campaign = journey["campaign"]
        send = uuid5(campaign["campaign"], user["name"], journey["key"], journey["trigger"]["id"], state["step"]["id"])
        state["order"] = state["due"], -campaign.get("priority", 50), send.bytes
        self.pending.append((user, journey, state))

    # --- cancelling

    def cancel_hits(self, user, cancel, trigger):
        rule = cancel["rule"]
        when = trigger["calendar"] if "alternative" in trigger else trigger["time"]
        if when > cancel["time"]:
            return False
        env = {"profile": cancel["profile"], "user": {"id": user["name"]}, "now": cancel["time"], "history": user["events"],
               "event": cancel["event"]["attributes"], "meta": cancel["event"], "trigger": trigger["attributes"],
               "follow": trigger.get("follow")}
        if cancel["by_trigger"] and not holds(rule["where"], env):
            return False
        now = {**env, "profile": user["profile"]}
        for left, right in rule.get("match", []):
            try:
                if not holds(("cmp", "==", ("lit", value_of(left, env)), right), now):
                    return False
            except Err:
                return False
        return True

    def has_sides(self, user, rule, event):
        """One whose left side has no value matches nothing, and takes no place among those remembered."""
        try:
            return [value_of(left, self.event_env(user, event)) for left, _ in rule.get("match", [])] is not None
        except Err:
            return False

    def cancel(self, user, campaign, event):
        for rule in campaign.get("cancel", []):
            if rule["event"] != event["name"]:
                continue
            # Decided at its arrival, unless it looks at each journey's trigger.
            by_trigger = "trigger" in str(rule.get("where"))
            if "where" in rule and not by_trigger and not holds(rule["where"], self.event_env(user, event)):
                continue
            if not self.has_sides(user, rule, event):
                continue
            cancel = {"rule": rule, "by_trigger": by_trigger, "campaign": campaign, "time": event["time"], "arrived": self.clock, "fresh": True,
                      "event": event, "profile": dict(user["profile"])}
            user["cancels"] = [one for one in user["cancels"] if self.clock - one["arrived"] < HOUR][1 - REMEMBERED:]
            user["cancels"].append(cancel)
            for journey in self.open_of(user, campaign):
                if self.cancel_hits(user, cancel, journey["trigger"]):
                    for state in journey["steps"]:
                        if state["pending"]:
                            state["pending"] = False
                            self.step_record(user, journey, state, "cancelled", reason=event["id"], due=iso(state["due"]))
        self.years_over(user, campaign)

    # --- events

    def alternatives(self, campaign):
        return campaign["trigger"] if isinstance(campaign["trigger"], list) else [campaign["trigger"]]

    def trigger(self, user, campaign, event, duplicate):
        env = self.event_env(user, event)
        chosen = None
        for index, one in enumerate(self.alternatives(campaign)):
            if one.get("event") != event["name"] or "thing" in one or ("where" in one and not holds(one["where"], env)):
                continue
            if "times" in one:
                if duplicate:
                    continue
                times = one["times"]
                same = printed(times["same"], env) if "same" in times else ""
                events = user["times"].setdefault((campaign["campaign"], index), [])
                events.append((event["time"], same))
                events.sort(key=lambda one: one[0])
                del events[:-REMEMBERED]
                counted = [one for one in events if event["time"] - times["within_ms"] < one[0] <= event["time"] and one[1] == same]
                if len(counted) < times["at_least"]:
                    continue
                for gone in counted:
                    events.remove(gone)
            chosen = chosen or one
        if not chosen:
            return
        key = printed(campaign["entry"]["key"], env) if "key" in campaign.get("entry", {}) else ""
        trigger = {"id": event["id"], "name": event["name"], "time": event["time"], "attributes": event["attributes"],
                   "calendar": self.clock}
        self.enter(user, campaign, key, trigger, env, duplicate)

    def follow(self, user, event):
        for name, rule in self.policy.get("follows", {}).items():
            for side in ("off", "on"):
                at = rule.get(side)
                env = self.event_env(user, event)
                if not at or at["event"] != event["name"] or ("where" in at and not holds(at["where"], env)):
                    continue
                try:
                    thing = printed(at["thing"], env, strict=True)
                except Err:
                    continue
                user["follows"].pop((name, thing), None)
                if side == "on":
                    expires = event["time"] + rule["expires_ms"] if "expires_ms" in rule else 1 << 62
                    user["follows"] = dict([(of, one) for of, one in user["follows"].items() if one["expires"] > self.clock][1 - REMEMBERED:])
                    user["follows"][(name, thing)] = {"attributes": event["attributes"], "expires": expires}

    def take_event(self, event):
        if "user" not in event:
            return self.take_thing(event)
        user = self.user(event["user"])
        counted = user["ids"].get(event["id"])
        duplicate = counted is not None and self.clock - counted < HOUR
        if not duplicate:
            user["ids"].pop(event["id"], None)
            user["ids"] = dict([(id, arrived) for id, arrived in user["ids"].items() if self.clock - arrived < HOUR][1 - REMEMBERED:])
            user["ids"][event["id"]] = self.clock
            user["events"].append(event)
            self.follow(user, event)
        for campaign in self.campaigns:
            if not duplicate:
                self.cancel(user, campaign, event)
            self.trigger(user, campaign, event, duplicate)
        for cancel in user["cancels"]:
            cancel["fresh"] = False

    def take_thing(self, event):
        counted = self.things.get(event["id"])
        duplicate = counted is not None and self.clock - counted < HOUR
        if not duplicate:
            self.things[event["id"]] = self.clock
        for campaign in self.campaigns:
            for name in sorted(self.users, key=lambda name: name.encode()):
                self.thing_for(self.users[name], campaign, event, duplicate)

    def thing_for(self, user, campaign, event, duplicate):
        for one in self.alternatives(campaign):
            if one.get("event") != event["name"] or "thing" not in one:
                continue
            env = self.event_env(user, event)
            try:
                thing = printed(one["thing"], env, strict=True)
            except Err:
                continue
            follow = user["follows"].get((one["followers"], thing))
            if follow is None or follow["expires"] <= self.clock:
                continue
            env = self.event_env(user, event, follow=follow["attributes"])
            if "where" in one and not holds(one["where"], env):
                continue
            key = printed(campaign["entry"]["key"], env) if "key" in campaign.get("entry", {}) else thing
            trigger = {"id": event["id"], "name": event["name"], "time": event["time"], "attributes": event["attributes"],
                       "calendar": self.clock, "follow": follow["attributes"]}
            return self.enter(user, campaign, key, trigger, env, duplicate)

    # --- the clock

    def run_to(self, limit, inclusive):
        while True:
            self.pending = [one for one in self.pending if one[2]["pending"] and one[2] in one[1]["steps"]]

            first = min(self.pending, key=lambda one: one[2]["order"], default=None)
            wake = min(self.wakes, key=lambda one: (one[0], one[1]["name"].encode(), one[2]["campaign"].encode(), one[3]), default=None)
            if wake and not self.running_out and (first is None or wake[0] <= first[2]["due"]):
                if not (wake[0] < limit or inclusive and wake[0] == limit):
                    return
                self.clock = max(self.clock, wake[0])
                self.wakes.remove(wake)
                self.look_at_date(wake[1], wake[2], wake[3], self.alternatives(wake[2])[wake[3]])
                continue
            if first is None or not (first[2]["due"] < limit or inclusive and first[2]["due"] == limit):
                return
            self.clock = max(self.clock, first[2]["due"])
            self.pending.remove(first)
            self.decide(*first)

    def run(self, lines):
        for number, line in enumerate(lines):
            arrives = line.get("arrives", line["time"])
            arrives = arrives if self.clock is None else max(self.clock, arrives)
            if self.until is not None and arrives > self.until:
                break
            if self.clock is None:
                self.clock = arrives
            self.run_to(arrives, False)
            self.clock = arrives
            if line.get("refused"):
                continue
            if line.get("kind") == "profile":
                self.take_profile(line)
                continue
            if line["time"] < arrives - 7 * DAY or line["time"] > arrives + 300_000:
                continue
            event = {"id": f"simulate/0/{number}", "attributes": {}, **line}
            if "user" not in event and not any(one.get("event") == event["name"] and "thing" in one
                                               for campaign in self.campaigns for one in self.alternatives(campaign)):
                continue
            self.take_event(event)
        self.running_out = self.until is None
        if self.clock is not None:
            self.run_to(self.until if self.until is not None else 1 << 62, True)
        return self.records
