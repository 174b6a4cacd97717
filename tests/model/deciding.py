"""The part of the model that decides a send that is due."""

import datetime

from expressions import holds, printed
from localtime import HOUR, WEEKDAYS, bucket, instant_of, iso, local


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
            return ("channels" not in cap or channel in cap["channels"]) and \
                ("labels" not in cap or any(label in cap["labels"] for label in of))

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
        env = self.env(user, now, event=trigger["attributes"], trigger=trigger["attributes"])
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
                if bucket("holdout", campaign["campaign"], user["name"]) < campaign.get("holdout", 0) * 100:
                    return "skipped", "holdout", None
            return "sent", None, None

        outcome, reason, due = verdict()
        more = {"reason": reason} if reason else {}
        if outcome == "postponed":
            state["due"] = due
            self.pending.append((user, journey, state))
        else:
            state["pending"] = False
        if outcome == "sent":
            more["message"] = {"title": self.message(user, journey, step)}
            journey["sent"] = True
            if not transactional:
                user["sent"].append({"time": now, "channel": step["channel"], "labels": self.effective("labels", step, campaign) or []})
        self.step_record(user, journey, state, outcome, due=iso(state["due"]), **more)
        self.years_over(user, campaign)

    def message(self, user, journey, step):
        variants = step.get("variants")
        chosen = step
        if variants:
            upto, mine = 0, bucket("variant", journey["campaign"]["campaign"], user["name"])
            for chosen in variants:
                upto += chosen["weight"] * 100
                if mine < upto:
                    break
        title = chosen["message"]["title"]
        locale = user["profile"].get("locale")
        locale = locale if isinstance(locale, str) else ""
        while locale:
            if locale in chosen.get("locales", {}):
                title = chosen["locales"][locale]["title"]
                break
            locale = locale.rpartition("-")[0]
        return title
