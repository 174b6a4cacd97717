"""The part of the model that decides a send that is due."""

import datetime

from expressions import holds, printed
from localtime import HOUR, WEEKDAYS, bucket, instant_of, iso, local
from messages import Aborted, Failed, chosen, rendered


class Deciding:
    # --- deciding

    def quiet(self, rule, env, now):
        tz = self.spec_zone(rule.get("time_zone"), env)

        def is_quiet(instant):
            wall = local(instant, tz)
            minute = wall.hour * 60 + wall.minute
            if WEEKDAYS[wall.weekday()] in rule.get("days", []):
                return True
            if "from" not in rule:
                return False
            start, end = (int(rule[name][:2]) * 60 + int(rule[name][3:]) for name in ("from", "to"))
            return start <= minute < end if start <= end else minute >= start or minute < end

        if not is_quiet(now):
            return None
        end = now - now % 60_000 + 60_000
        while is_quiet(end):
            end += 60_000
        return end

    def cap(self, user, step, campaign, now):
        labels = self.effective("labels", step, campaign) or []

        def concerns(cap, channel, of):
            return (not cap.get("channels") or channel in cap["channels"]) and \
                (not cap.get("labels") or any(label in cap["labels"] for label in of))

        for cap in self.policy.get("caps", []):
            if not concerns(cap, step["channel"], labels):
                continue
            sent = sorted(one["time"] for one in user["sent"] if concerns(cap, one["channel"], one["labels"]))
            if "within_ms" in cap:
                inside = [time for time in sent if now - cap["within_ms"] < time <= now]
                free = inside[len(inside) - cap["at_most"]] + cap["within_ms"] if len(inside) >= cap["at_most"] else None
            else:
                tz = self.user_zone(user)
                day = local(now, tz).date()
                if cap["per"] == "week":
                    day -= datetime.timedelta(days=day.weekday())
                    after = day + datetime.timedelta(days=7)
                elif cap["per"] == "month":
                    day = day.replace(day=1)
                    after = (day + datetime.timedelta(days=32)).replace(day=1)
                else:
                    after = day + datetime.timedelta(days=1)
                inside = [time for time in sent if instant_of(day, 0, tz) <= time <= now]
                free = instant_of(after, 0, tz)
            if len(inside) >= cap["at_most"]:
                return cap.get("then", "skip"), free
        return None

    def effective(self, what, step, campaign):
        return step.get(what, campaign.get(what, self.policy.get(what)))

    def decide(self, user, journey, state):
        campaign, step, trigger, now = journey["campaign"], state["step"], journey["trigger"], self.clock
        env = self.env(user, now, event=trigger["attributes"], trigger=trigger["attributes"], meta=trigger)
        if trigger.get("follow") is not None:
            env["follow"] = trigger["follow"]
        transactional = campaign["type"] == "transactional"
        late = step.get("late", campaign.get("late", {"then": "send"} if transactional else self.policy.get("late", {})))

        def verdict():
            if late.get("then", "skip") == "skip" and now > state["due"] + late.get("tolerance_ms", HOUR):
                return "skipped", "late", None
            if "if" in step and not holds(step["if"], env):
                return "skipped", "condition", None
            if campaign.get("recheck", True) and "audience" in campaign and not holds(campaign["audience"], env):
                return "skipped", "audience", None
            consent = self.policy.get("consent", {}).get(step["channel"])
            if consent is not None and not holds(consent, env):
                return "skipped", "no_consent", None
            address = self.policy.get("addresses", {}).get(step["channel"])
            if address is not None and printed(address, env) == "":
                return "skipped", "no_address", None
            if not transactional:
                rule = self.effective("quiet", step, campaign)
                end = self.quiet(rule, env, now) if rule else None
                if end is not None:
                    return ("skipped", "quiet", None) if rule.get("then", "postpone") == "skip" else ("postponed", "quiet", end)
                cap = self.cap(user, step, campaign, now)
                if cap is not None:
                    return ("skipped", "capped", None) if cap[0] == "skip" else ("postponed", "capped", cap[1])
                if bucket("holdout", campaign["campaign"], user["name"]) < round(campaign.get("holdout", 0) * 100, 6):
                    return "skipped", "holdout", None
            return "sent", None, None

        outcome, reason, due = verdict()
        if outcome == "sent":
            try:
                content = self.message(user, journey, step, env)
            except Aborted:
                outcome, reason = "skipped", "aborted"
            except Failed:
                outcome, reason = "skipped", "render_failed"
        more = {"reason": reason} if reason else {}
        if outcome == "postponed":
            state["due"] = due
            self.put_in_calendar(user, journey, state)
        else:
            state["pending"] = False
        if outcome == "sent":
            more["message"] = content
            journey["sent"] = True
            if not transactional:
                user["sent"].append({"time": now, "channel": step["channel"], "labels": self.effective("labels", step, campaign) or []})
        self.step_record(user, journey, state, outcome, due=iso(state["due"]), **more)
        self.years_over(user, campaign)

    def message(self, user, journey, step, env):
        variants = step.get("variants")
        chosen_by = step
        if variants:
            upto, mine = 0, bucket("variant", journey["campaign"]["campaign"], user["name"])
            for chosen_by in variants:
                upto += chosen_by["weight"]
                if mine < round(upto * 100, 6):
                    break
        locales, locale = chosen_by.get("locales", {}), user["profile"].get("locale")
        layers = []
        while isinstance(locale, str) and locale:
            if locale in locales:
                layers.append(locales[locale])
            locale = locale.rpartition("-")[0]
        fields = chosen(layers + [chosen_by["message"]])
        return {name: rendered(value, env, name == "html" and step["channel"] in ("email", "in_app")) for name, value in fields.items()}
