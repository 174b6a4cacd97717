"""The part of the model that knows profiles and triggers that are dates of the profile."""

import datetime

from expressions import Err, value_of
from localtime import instant_of, iso, local


class Dating:
    # --- profiles and date triggers

    def take_profile(self, line):
        user = self.user(line["user"])
        if line["attributes"] is None:
            user["profile"] = {}
        else:
            merged = {**user["profile"], **line["attributes"]}
            user["profile"] = {name: value for name, value in merged.items() if value is not None}
        for campaign in self.campaigns:
            for index, one in enumerate(self.alternatives(campaign)):
                if "yearly" in one or "date" in one:
                    self.look_at_date(user, campaign, index, one)

    @staticmethod
    def yearly(year, date):
        if date.month == 2 and date.day == 29:
            try:
                return datetime.date(year, 2, 29)
            except ValueError:
                return datetime.date(year, 2, 28)
        return date.replace(year=year)

    def look_at_date(self, user, campaign, index, one):
        tz = self.user_zone(user)
        env = self.env(user, self.clock, event={}, trigger={})
        mine = [journey for journey in self.open_of(user, campaign) if journey["trigger"].get("alternative") == index]
        try:
            found = self.date_of(value_of(one.get("yearly") or one.get("date"), env), tz)
        except Err:
            found = None

        def gone():
            for journey in mine:
                for state in journey["steps"]:
                    if state["pending"]:
                        state["pending"] = False
                        self.step_record(user, journey, state, "cancelled", reason="no_date", due=iso(state["due"]))
                if "yearly" in one and self.clock < journey["trigger"]["time"]:
                    self.wait_for_day(user, campaign, index, journey["trigger"]["time"])
            user["journeys"] = [journey for journey in user["journeys"] if journey not in mine]

        if found is None:
            return gone()
        date, today = found[1], local(self.clock, tz).date()
        current = mine[-1] if mine else None
        if current:
            day = current["trigger"]["day"]
            if (self.yearly(day.year, date) if "yearly" in one else date) == day:
                return None
        waiting = current is None and self.waits(user, campaign, index)

        def taken(trigger_id):
            return (campaign["campaign"], "", trigger_id) in user["entered_ids"] and \
                not (current and current["trigger"]["id"] == trigger_id)

        if "yearly" in one:
            year = today.year if self.yearly(today.year, date) >= today else today.year + 1
            while taken(f"yearly:{year:04d}"):
                if waiting:
                    return None
                year += 1
            day, trigger_id = self.yearly(year, date), f"yearly:{year:04d}"
        else:
            day, trigger_id = date, f"date:{date.isoformat()}"
            if day < today:
                return gone() if current else None
            if taken(trigger_id):
                return self.ignored(user, campaign, "", {"id": trigger_id}, "in_progress") if current else None
        trigger = {"id": trigger_id, "name": "", "time": instant_of(day, 0, tz), "day": day, "alternative": index,
                   "attributes": {}, "calendar": self.clock, "yearly": "yearly" in one}
        return self.enter(user, campaign, "", trigger, env, changed=current is not None)

    def years_over(self, user, campaign):
        """The next year's, when this one's journey has nothing pending and its day has come."""
        for journey in list(user["journeys"]):
            trigger = journey["trigger"]
            if journey["campaign"] is not campaign or not trigger.get("yearly") or any(s["pending"] for s in journey["steps"]):
                continue
            user["journeys"].remove(journey)
            try:
                one = self.alternatives(campaign)[trigger["alternative"]]
                gone = self.date_of(value_of(one["yearly"], self.env(user, self.clock, event={}, trigger={})), self.user_zone(user)) is None
            except Err:
                gone = True
            if gone or self.running_out:
                continue
            if self.clock >= trigger["time"]:
                self.look_at_date(user, campaign, trigger["alternative"], one)
            else:
                self.wait_for_day(user, campaign, trigger["alternative"], trigger["time"])

    def waits(self, user, campaign, index):
        return any(wake[1] is user and wake[2] is campaign and wake[3] == index for wake in self.wakes)

    def wait_for_day(self, user, campaign, index, day):
        if not self.waits(user, campaign, index):
            self.wakes.append((day, user, campaign, index))
