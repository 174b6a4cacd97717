"""Random cases for the model: campaigns and a policy that meet often enough to matter."""

import json
import pathlib
import shutil

from expressions import cel, duration
from lines import NAMES, STARTS, ZONES, lines
from localtime import DAY, HOUR, from_iso, iso
from messages import spelled_message

MINUTE = 60_000
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CHANNELS = ["push", "email", "sms", "webhook"]
LABELS = ["marketing", "news", "care"]

EVENT = ("var", "event", "total")
KEY = ("var", "event", "key")


def chance(r, p):
    return r.random() < p


def number(r, sides):
    side = r.choice(sides)
    return r.choice([("var", side, "total")] * 4 + [("add", ("var", side, "total"), ("lit", r.choice([1, 0.5]))),
                                                    ("if", ("has", side, "other"), ("var", side, "other"), ("lit", 20))])


def condition(r, sides=("event",), meta=True):
    """sides: event, trigger and follow are maps of attributes there; none of them: only the profile is."""
    pick = r.randrange(13) if sides else r.randrange(6, 9)
    if pick < 3:
        return ("cmp", r.choice(["<", ">=", "==", "!="]), number(r, sides), ("lit", r.choice([10, 50, 30.0, 70.5])))
    if pick == 3:
        return ("has", r.choice(sides), r.choice(["key", "other"]))
    if pick == 4:
        return (r.choice(["and", "or"]), condition(r, sides, meta), condition(r, sides, meta))
    if pick == 5:
        return ("not", condition(r, sides, meta))
    if pick == 6:
        predicate = r.choice([None, ("cmp", ">", ("var", "it", "total"), ("lit", 40)), ("has", "it", "key")])
        return ("cmp", r.choice([">=", "<"]), ("count", r.choice(NAMES), r.choice([HOUR, DAY, 3 * DAY]), predicate), ("lit", r.randrange(1, 4)))
    if pick == 7:
        return ("cmp", r.choice(["==", "!="]), ("var", "profile", "city"), ("lit", r.choice(["Lyon", "Paris"])))
    if pick == 8:
        return r.choice([("cmp", r.choice([">=", "<"]), ("var", "profile", "age"), ("lit", r.choice([20, 30.5]))),
                         ("cmp", "<", ("last", r.choice(NAMES)), ("ago", r.choice([MINUTE, HOUR, DAY]))),
                         ("cmp", "!=", ("last", r.choice(NAMES)), ("lit", None))])
    if pick == 9:
        return ("in", ("var", r.choice(sides), "key"), r.choice([["a", 1], [42, 2.5, True], []]))
    if pick == 10:
        return ("cmp", "==", ("string", ("var", r.choice(sides), "key")), ("lit", r.choice(["1", "a", "true"])))
    if pick == 11 and meta:
        return r.choice([("cmp", "<", ("meta", "time"), ("ago", r.choice([0, HOUR]))), ("cmp", "==", ("meta", "name"), ("lit", r.choice(NAMES)))])
    return ("cmp", r.choice(["==", "!="]), ("user",), ("lit", "u0"))


def deciding(r, kinds):
    """A condition that is looked at while a send is decided."""
    sides = ["trigger", "event"] if kinds == {"event"} else ["follow", "trigger", "event"] if kinds == {"thing"} else []
    return condition(r, sides)


def some_date(r, kinds):
    return ("var", *r.choice([("profile", "contract_end")] + ([("event", "ends")] if "date" not in kinds else [])))


def zone_rule(r):
    return r.choice([("var", "profile", "time_zone"), ("var", "profile", "time_zone"), "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"])


def send(r, kinds):
    pick = r.randrange(10)
    out = {}
    if pick == 0:
        return None
    if pick < 5:
        out["after_ms"] = r.choice([0, MINUTE, 20 * MINUTE, HOUR, 90 * MINUTE, DAY, 2 * DAY])
        if chance(r, 0.2):
            out["date"] = some_date(r, kinds)
    elif pick == 5:
        out["before_ms"] = r.choice([MINUTE, 3 * HOUR, DAY])
        out["date"] = some_date(r, kinds)
    else:
        out["days"] = r.choice([0, 0, 1, 2])
        out["at"] = r.choice(["00:00", "02:30", "09:00", "18:30", "23:59"])
        if chance(r, 0.3):
            out["date"] = some_date(r, kinds)
            out["days"] = r.choice([-1, 0, 1])
    if chance(r, 0.4):
        out["time_zone"] = zone_rule(r)
    if chance(r, 0.25):
        out["on"] = r.sample(DAYS, r.randrange(1, 4))
    return out


def late(r):
    out = {}
    if chance(r, 0.8):
        out["tolerance_ms"] = r.choice([0, 10 * MINUTE, 2 * HOUR, DAY])
    if chance(r, 0.5):
        out["then"] = r.choice(["skip", "send"])
    return out or {"then": "send"}


def quiet(r):
    out = {}
    if chance(r, 0.85):
        out["from"], out["to"] = r.choice([("21:00", "08:00"), ("01:30", "02:30"), ("12:00", "14:00"), ("23:00", "02:15")])
    if chance(r, 0.3) or not out:
        out["days"] = r.sample(DAYS, r.randrange(1, 3))
    if chance(r, 0.5):
        out["time_zone"] = zone_rule(r)
    if chance(r, 0.5):
        out["then"] = r.choice(["postpone", "skip"])
    return out


WEIGHTS = [[30, 70], [33.3, 33.3, 33.4], [0, 100], [50.5, 49.5], [12.25, 87.75], [100]]


def part(r, kinds):
    side = r.choice(["event", "trigger", "profile"] + (["follow"] if kinds == {"thing"} else [])) if "date" not in kinds else "profile"
    name = r.choice(["city", "token", "age"]) if side == "profile" else r.choice(["key", "total"])
    if side == "trigger":
        side = "event"  # what templates call it
    pick = r.randrange(12)
    if pick == 0 and side != "profile":
        return ("abort_if", side, "total", 60)
    if pick == 1 and chance(r, 0.3):
        return ("fail",)
    return ("default", side, name, "none") if pick < 4 else ("out", side, name)


def message(r, label, channel, kinds):
    out = {}
    for field in r.sample(["title", "body", "subject"], r.choice([1, 1, 2])):
        out[field] = [("text", f"{label} {field} ")] + [part(r, kinds) for _ in range(r.choice([0, 1, 1, 2]))]
    if chance(r, 0.2):
        out["html"] = [("text", "<b>"), part(r, kinds), ("text", "</b>")]
    if channel == "webhook":
        out["sound"] = {"n": 1, "list": [[("text", "x"), part(r, kinds)], True], "none": None}
    return out


def messages(r, label, channel, kinds):
    out = {"message": message(r, label, channel, kinds)}
    if chance(r, 0.3):
        out["locales"] = {locale: message(r, f"{label} {locale}", channel, kinds) for locale in r.sample(["fr", "fr-CA", "en"], r.choice([1, 2]))}
    return out


def step(r, name, kinds):
    out = {"id": name, "channel": r.choice(CHANNELS)}
    how = send(r, kinds)
    if how is not None:
        out["send"] = how
    if chance(r, 0.25):
        out["if"] = deciding(r, kinds)
    if chance(r, 0.2):
        out["late"] = late(r)
    if chance(r, 0.1):
        out["quiet"] = quiet(r)
    if chance(r, 0.15):
        out["labels"] = r.sample(LABELS, r.randrange(0, 3))
    if chance(r, 0.15):
        out["variants"] = [{"id": f"v{number}", "weight": weight, **messages(r, f"v{number}", out["channel"], kinds)}
                           for number, weight in enumerate(r.choice(WEIGHTS))]
    else:
        out.update(messages(r, name, out["channel"], kinds))
    return out


def event_trigger(r):
    out = {"event": r.choice(NAMES)}
    if chance(r, 0.5):
        out["where"] = condition(r)
    if chance(r, 0.2):
        out["times"] = {"at_least": r.randrange(1, 4), "within_ms": r.choice([HOUR, DAY])}
        if chance(r, 0.6):
            out["times"]["same"] = r.choice([KEY, ("add", KEY, KEY), ("var", "profile", "city")])
    return out


def trigger(r, kind, follows):
    if kind == "date":
        return r.choice([{"yearly": ("var", "profile", "birth_date")}, {"date": ("var", "profile", "contract_end")}])
    if kind == "event":
        return event_trigger(r)
    out = {"event": r.choice(["price", "price", "stock"]), "thing": KEY, "followers": r.choice(list(follows))}
    if chance(r, 0.5):
        out["where"] = r.choice([("cmp", "<", EVENT, ("var", "follow", "total")), ("cmp", "<", EVENT, ("lit", 60)),
                                 condition(r, ("event", "follow"))])
    return out


def cancel(r, kinds):
    rule = {"event": r.choice(NAMES)}
    journey = [] if kinds == {"date"} else ["trigger"]
    if chance(r, 0.5):
        rule["where"] = condition(r, ["event"] + journey) if journey and chance(r, 0.5) else \
            ("cmp", ">=", EVENT, ("var", "trigger", "total")) if journey and chance(r, 0.4) else condition(r)
    if chance(r, 0.6) and journey:
        rule["match"] = [(KEY, ("var", "trigger", "key"))]
        if chance(r, 0.2):
            rule["match"].append(r.choice([(("user",), ("lit", "u0")), (("var", "event", "total"), ("var", "profile", "age")),
                                           (("var", "profile", "city"), ("var", "profile", "city"))]))
    return rule


def campaign(r, number, follows):
    out = {"campaign": r.choice(["a", "b", "z"]) + f"-{number}",
           "type": r.choice(["event", "functional", "behavioural", "service", "transactional"])}
    listed = r.choice([["date"], ["event"], ["event"], ["event"], ["event", "event"], ["event", "date"], ["date", "date"]])
    if follows and chance(r, 0.4):
        listed = r.choice([["thing"], ["thing"], ["thing", "event"], ["thing", "thing"], ["thing", "date"]])
    kinds = set(listed)
    triggers = [trigger(r, kind, follows) for kind in listed]
    out["trigger"] = triggers if len(triggers) > 1 else triggers[0]
    if chance(r, 0.3):
        sides = [] if "date" in kinds else ["event"]
        out["audience"] = condition(r, sides, False)
        if chance(r, 0.6):  # so that it does not keep everybody out
            out["audience"] = ("or", out["audience"], ("cmp", "==", ("var", "profile", "city"), ("lit", "Lyon")))
        if chance(r, 0.2):
            out["recheck"] = False
    entry = {}
    if "date" not in kinds and chance(r, 0.6):
        entry["key"] = r.choice([KEY, KEY, ("meta", "name"), ("string", ("var", "event", "total"))])
    if chance(r, 0.7):
        entry["when_pending"] = r.choice(["restart", "restart_always"] + ([] if "date" in kinds else ["keep", "update", "parallel"]))
    if chance(r, 0.25):
        entry["cooldown_ms"] = r.choice([HOUR, DAY, 5 * DAY])
    if chance(r, 0.25):
        entry["at_most"] = {"count": r.randrange(1, 4), "within_ms": r.choice([2 * HOUR, 2 * DAY])}
    if entry:
        out["entry"] = entry
    out["cancel"] = [cancel(r, kinds) for _ in range(r.choice([0, 1, 1, 2]))]
    if not out["cancel"]:
        del out["cancel"]
    out["steps"] = [step(r, f"s{i}", kinds) for i in range(r.choice([1, 1, 2, 3]))]
    if chance(r, 0.3):
        out["priority"] = r.choice([0, 10, 90, 100])
    if chance(r, 0.3):
        out["labels"] = r.sample(LABELS, r.randrange(0, 3))
    if chance(r, 0.15):
        out["late"] = late(r)
    if chance(r, 0.15):
        out["quiet"] = quiet(r)
    if chance(r, 0.15):
        out["holdout"] = r.choice([20, 50.5, 33.33, 0])
    return out


def policy(r):
    out = {}
    if chance(r, 0.7):
        out["time_zone"] = r.choice(ZONES[:-3])
    if chance(r, 0.1):
        out["labels"] = r.sample(LABELS, 1)
    if chance(r, 0.4):
        out["consent"] = {"push": ("cmp", "==", ("var", "profile", "optin"), ("lit", True))}
    if chance(r, 0.4):
        out["addresses"] = {"push": ("var", "profile", "token"), "email": ("var", "profile", "mail"), "sms": ("var", "profile", "age")}
    if chance(r, 0.4):
        out["quiet"] = quiet(r)
    if chance(r, 0.2):
        out["late"] = late(r)
    if chance(r, 0.6):
        out["caps"] = []
        for _ in range(r.randrange(1, 3)):
            cap = {"at_most": r.randrange(1, 4)}
            if chance(r, 0.5):
                cap["within_ms"] = r.choice([HOUR, 6 * HOUR, DAY])
            else:
                cap["per"] = r.choice(["day", "week", "month"])
            if chance(r, 0.4):
                cap["labels"] = r.sample(LABELS, r.choice([0, 2, 3]))
            if chance(r, 0.4):
                cap["channels"] = r.sample(CHANNELS, r.choice([0, 2, 3]))
            if chance(r, 0.7):
                cap["then"] = r.choice(["skip", "postpone"])
            out["caps"].append(cap)
    if chance(r, 0.5):
        out["follows"] = {name: follow(r) for name in r.choice([["favourites"], ["favourites", "also"]])}
    return out


def follow(r):
    rule = {"on": {"event": r.choice(["view", "view", "cart"]), "thing": KEY}}
    if chance(r, 0.3):
        rule["on"]["where"] = condition(r)
    if chance(r, 0.6):
        rule["off"] = {"event": r.choice(["login", "view"]), "thing": KEY}
        if chance(r, 0.5):
            rule["off"]["where"] = ("cmp", "<", EVENT, ("lit", 30))
    if chance(r, 0.4):
        rule["expires_ms"] = r.choice([HOUR, DAY])
    return rule


def much(r, campaigns):
    """Lets most of what comes in, and keeps it open for long."""
    for one in campaigns:
        dated = any("yearly" in of or "date" in of for of in (one["trigger"] if isinstance(one["trigger"], list) else [one["trigger"]]))
        one.setdefault("entry", {})["when_pending"] = "restart" if dated else "parallel"
        for name in ("cooldown_ms", "at_most"):
            if chance(r, 0.8):
                one["entry"].pop(name, None)
        if chance(r, 0.8):
            one.pop("audience", None)
        for of in one["trigger"] if isinstance(one["trigger"], list) else [one["trigger"]]:
            if chance(r, 0.7):
                of.pop("where", None)
            if of.get("event") in NAMES and chance(r, 0.7):
                of["event"] = "view"
            if of.get("event") in NAMES and chance(r, 0.3):
                of["times"] = r.choice([{"at_least": r.choice([200, 700, 1000]), "within_ms": DAY},
                                        {"at_least": 2, "within_ms": DAY, "same": KEY},
                                        {"at_least": 2, "within_ms": HOUR, "same": ("var", "event", "total")}])
        if "thing" not in str(one["trigger"]) and not dated and chance(r, 0.2):
            # More entries than are remembered, each over at once.
            one["trigger"] = {"event": "view"}
            one.pop("audience", None)
            one["entry"].update(key=KEY, cooldown_ms=r.choice([HOUR, 5 * DAY]), when_pending=r.choice(["parallel", "restart"]))
            one["steps"] = [{**step, "send": {"after_ms": 0}} for step in one["steps"]]
        elif chance(r, 0.7):
            one["steps"][0]["send"] = {"after_ms": 2 * DAY}


def make(r, flood=False):
    """flood: so much of one user at once that the limits of a thousand are reached."""
    rules = policy(r)
    campaigns = [campaign(r, number, rules.get("follows")) for number in range(r.choice([1, 2, 2, 3, 4]))]
    start = from_iso(r.choice(STARTS))
    if flood:
        much(r, campaigns)
        for cap in rules.get("caps", []):
            cap["then"] = "skip"  # a thousand that postpone each other take their time
    taken = lines(r, start, "follows" in rules, flood)
    end = max(line.get("arrives", line["time"]) for line in taken)
    if chance(r, 0.2):
        for one in campaigns:
            if chance(r, 0.5):
                one["starts"] = iso(start + r.randrange(DAY))
            if chance(r, 0.5):
                one["ends"] = iso(start + DAY + r.randrange(3 * DAY))
    dated = any("yearly" in str(one["trigger"]) for one in campaigns)
    until = end + r.choice([-(end - start) // 2, 0, HOUR, 30 * DAY, 400 * DAY if dated else DAY]) if chance(r, 0.5) else None
    return {"campaigns": campaigns, "policy": rules, "lines": taken, "until": until}


# --- writing ------------------------------------------------------------------------------------------------


def spelled(node):
    """The case as the files have it: trees as CEL, durations as text."""
    if isinstance(node, tuple):
        return cel(node)
    if isinstance(node, list):
        return [spelled(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for name, value in node.items():
        if name.endswith("_ms"):
            out[name[:-3]] = duration(value)
        elif name == "message":
            out[name] = spelled_message(value)
        elif name == "locales":
            out[name] = {locale: spelled_message(one) for locale, one in value.items()}
        elif name == "match":
            out[name] = {cel(left): cel(right) for left, right in value}
        else:
            out[name] = spelled(value)
    return out


def write(case, folder):
    folder = pathlib.Path(folder)
    shutil.rmtree(folder / "campaigns", ignore_errors=True)
    (folder / "campaigns").mkdir(parents=True)
    for one in case["campaigns"]:
        (folder / "campaigns" / f"{one['campaign']}.yaml").write_text(json.dumps(spelled(one), indent=1) + "\n")
    (folder / "policy.yaml").write_text(json.dumps(spelled(case["policy"]), indent=1) + "\n")
    with open(folder / "events.jsonl", "w") as out:
        for line in case["lines"]:
            out.write(json.dumps({name: spelled_time(line, value) if name in ("time", "arrives") else value
                                  for name, value in line.items() if name not in ("refused", "spelling")}) + "\n")


def spelled_time(line, ms):
    spelling = line.get("spelling")
    if spelling == "ms":
        return ms
    if spelling == "offset":
        return iso(ms + 2 * HOUR)[:-1] + "+02:00"
    return iso(ms)[:-1] + "999Z" if spelling == "finer" else iso(ms)
