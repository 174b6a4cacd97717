"""Random cases for the model: campaigns, a policy and lines that meet often enough to matter."""

import json
import pathlib
import shutil

from expressions import cel, duration
from localtime import from_iso, iso

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NAMES = ["cart", "order", "view", "login"]
KEYS = ["a", "b", 1, 1.0, 42.0, 2.5, True, None, ["x"]]
ZONES = ["Europe/Paris", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "UTC", "No/Where", 5]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
STARTS = ["2026-03-27T10:00:00Z", "2026-10-23T20:00:00Z", "2026-01-30T22:00:00Z", "2028-02-27T06:00:00Z", "2026-12-30T12:00:00Z"]
CHANNELS = ["push", "email", "sms"]
LABELS = ["marketing", "news", "care"]

EVENT = ("var", "event", "total")


def chance(r, p):
    return r.random() < p


def condition(r, sides=("event",)):
    side = r.choice(sides)
    pick = r.randrange(9)
    if pick < 3:
        return ("cmp", r.choice(["<", ">=", "==", "!="]), ("var", side, "total"), ("lit", r.choice([10, 50, 30.0, 70.5])))
    if pick == 3:
        return ("has", side, r.choice(["key", "other"]))
    if pick == 4:
        return ("and", condition(r, sides), condition(r, sides))
    if pick == 5:
        return ("or", condition(r, sides), condition(r, sides))
    if pick == 6:
        predicate = ("cmp", ">", ("var", "it", "total"), ("lit", 40)) if chance(r, 0.5) else None
        return ("cmp", r.choice([">=", "<"]), ("count", r.choice(NAMES), r.choice([HOUR, DAY, 3 * DAY]), predicate), ("lit", r.randrange(1, 4)))
    if pick == 7:
        return ("cmp", r.choice(["==", "!="]), ("var", "profile", "city"), ("lit", r.choice(["Lyon", "Paris"])))
    return ("cmp", r.choice([">=", "<"]), ("var", "profile", "age"), ("lit", r.choice([20, 30.5])))


def send(r, dated):
    pick = r.randrange(10)
    out = {}
    if pick == 0:
        return None
    if pick < 5:
        out["after_ms"] = r.choice([0, MINUTE, 20 * MINUTE, HOUR, 90 * MINUTE, DAY, 2 * DAY])
        if chance(r, 0.2):
            out["date"] = ("var", "profile", "contract_end") if dated else ("var", "event", "ends")
    elif pick == 5:
        out["before_ms"] = r.choice([MINUTE, 3 * HOUR, DAY])
        out["date"] = r.choice([("var", "profile", "contract_end")] + ([] if dated else [("var", "event", "ends")]))
    else:
        out["days"] = r.choice([0, 0, 1, 2])
        out["at"] = r.choice(["00:00", "02:30", "09:00", "18:30", "23:59"])
        if chance(r, 0.3):
            out["date"] = r.choice([("var", "profile", "contract_end")] + ([] if dated else [("var", "event", "ends")]))
            out["days"] = r.choice([-1, 0, 1])
    if chance(r, 0.4):
        out["time_zone"] = r.choice([("var", "profile", "time_zone"), "America/New_York", "Asia/Tokyo"])
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
        out["time_zone"] = r.choice([("var", "profile", "time_zone"), "Europe/Paris"])
    if chance(r, 0.5):
        out["then"] = r.choice(["postpone", "skip"])
    return out


def step(r, name, dated):
    out = {"id": name, "channel": r.choice(CHANNELS)}
    how = send(r, dated)
    if how is not None:
        out["send"] = how
    if chance(r, 0.2):
        out["if"] = ("cmp", "==", ("var", "profile", "city"), ("lit", "Lyon")) if dated else condition(r, ("trigger", "event"))
    if chance(r, 0.2):
        out["late"] = late(r)
    if chance(r, 0.1):
        out["quiet"] = quiet(r)
    if chance(r, 0.15):
        out["labels"] = r.sample(LABELS, r.randrange(1, 3))
    if chance(r, 0.15):
        out["variants"] = [{"id": "one", "weight": 30, "message": {"title": "v1"}},
                           {"id": "two", "weight": 70, "message": {"title": "v2"}, "locales": {"fr": {"title": "v2 fr"}}}]
    else:
        out["message"] = {"title": f"title {name}"}
        if chance(r, 0.3):
            out["locales"] = {"fr": {"title": "titre"}, "fr-CA": {"title": "titre ca"}}
    return out


def event_trigger(r):
    out = {"event": r.choice(NAMES)}
    if chance(r, 0.5):
        out["where"] = condition(r)
    if chance(r, 0.2):
        out["times"] = {"at_least": r.randrange(2, 4), "within_ms": r.choice([HOUR, DAY])}
        if chance(r, 0.6):
            out["times"]["same"] = ("var", "event", "key")
    return out


def campaign(r, number, follows):
    out = {"campaign": r.choice(["a", "b", "z"]) + f"-{number}",
           "type": r.choice(["event", "functional", "behavioural", "service", "transactional"])}
    dated = chance(r, 0.2)
    thing = follows and not dated and chance(r, 0.35)
    if dated:
        out["trigger"] = r.choice([{"yearly": ("var", "profile", "birth_date")}, {"date": ("var", "profile", "contract_end")}])
    elif thing:
        out["trigger"] = {"event": "price", "thing": ("var", "event", "key"), "followers": "favourites"}
        if chance(r, 0.5):
            out["trigger"]["where"] = r.choice([("cmp", "<", EVENT, ("var", "follow", "total")), ("cmp", "<", EVENT, ("lit", 60))])
    elif chance(r, 0.25):
        out["trigger"] = [event_trigger(r) for _ in range(2)]
    else:
        out["trigger"] = event_trigger(r)
    if chance(r, 0.3):
        out["audience"] = condition(r, ("event",)) if not dated else ("cmp", "==", ("var", "profile", "city"), ("lit", "Lyon"))
        if chance(r, 0.3):
            out["recheck"] = False
    entry = {}
    if not dated and chance(r, 0.6):
        entry["key"] = ("var", "event", "key")
    if chance(r, 0.7):
        entry["when_pending"] = r.choice(["restart", "restart_always"] + ([] if dated else ["keep", "update", "parallel"]))
    if chance(r, 0.25):
        entry["cooldown_ms"] = r.choice([HOUR, DAY, 5 * DAY])
    if chance(r, 0.25):
        entry["at_most"] = {"count": r.randrange(1, 4), "within_ms": r.choice([2 * HOUR, 2 * DAY])}
    if entry:
        out["entry"] = entry
    out["cancel"] = []
    for _ in range(r.choice([0, 1, 1, 2])):
        rule = {"event": r.choice(NAMES)}
        if chance(r, 0.4):
            rule["where"] = condition(r) if dated or chance(r, 0.6) else ("cmp", ">=", EVENT, ("var", "trigger", "total"))
        if chance(r, 0.6) and not dated:
            rule["match"] = [(("var", "event", "key"), ("var", "trigger", "key"))]
        out["cancel"].append(rule)
    if not out["cancel"]:
        del out["cancel"]
    out["steps"] = [step(r, f"s{i}", dated) for i in range(r.choice([1, 1, 2, 3]))]
    if chance(r, 0.3):
        out["priority"] = r.choice([0, 10, 90, 100])
    if chance(r, 0.3):
        out["labels"] = r.sample(LABELS, r.randrange(1, 3))
    if chance(r, 0.15):
        out["late"] = late(r)
    if chance(r, 0.15):
        out["quiet"] = quiet(r)
    if chance(r, 0.15):
        out["holdout"] = r.choice([20, 50.5])
    return out


def policy(r):
    out = {}
    if chance(r, 0.7):
        out["time_zone"] = r.choice(["Europe/Paris", "America/New_York", "Pacific/Auckland"])
    if chance(r, 0.4):
        out["consent"] = {"push": ("cmp", "==", ("var", "profile", "optin"), ("lit", True))}
    if chance(r, 0.4):
        out["addresses"] = {"push": ("var", "profile", "token"), "email": ("var", "profile", "mail")}
    if chance(r, 0.4):
        out["quiet"] = quiet(r)
    if chance(r, 0.2):
        out["late"] = late(r)
    if chance(r, 0.5):
        out["caps"] = []
        for _ in range(r.randrange(1, 3)):
            cap = {"at_most": r.randrange(1, 3)}
            if chance(r, 0.5):
                cap["within_ms"] = r.choice([HOUR, 6 * HOUR, DAY])
            else:
                cap["per"] = r.choice(["day", "week", "month"])
            if chance(r, 0.4):
                cap["labels"] = r.sample(LABELS, 2)
            if chance(r, 0.4):
                cap["channels"] = r.sample(CHANNELS, 2)
            if chance(r, 0.7):
                cap["then"] = r.choice(["skip", "postpone"])
            out["caps"].append(cap)
    if chance(r, 0.5):
        rule = {"on": {"event": "view", "thing": ("var", "event", "key")}}
        if chance(r, 0.6):
            rule["off"] = {"event": r.choice(["login", "view"]), "thing": ("var", "event", "key")}
            if chance(r, 0.5):
                rule["off"]["where"] = ("cmp", "<", EVENT, ("lit", 30))
        if chance(r, 0.4):
            rule["expires_ms"] = r.choice([HOUR, DAY])
        out["follows"] = {"favourites": rule}
    return out


def attributes(r, now):
    out = {}
    if chance(r, 0.85):
        out["total"] = r.choice([5, 10, 29.5, 30, 50, 50.0, 71, 100]) if chance(r, 0.95) else "many"
    if chance(r, 0.85):
        out["key"] = r.choice(KEYS[:4]) if chance(r, 0.8) else r.choice(KEYS)
    if chance(r, 0.5):
        at = now + r.randrange(-DAY, 4 * DAY)
        out["ends"] = r.choice([iso(at), iso(at)[:10], at, float(at), "soon", iso(at)[:19] + "+02:00", None])
    return out


def profile(r, now):
    out = {}
    for name, values in (("city", ["Lyon", "Paris"]), ("age", [18, 35]), ("time_zone", ZONES), ("optin", [True, True, False]),
                         ("token", ["tok", ""]), ("mail", ["a@b", None]), ("locale", ["fr", "fr-CA", "en", "de-CH"])):
        if chance(r, 0.5):
            out[name] = r.choice(values)
    if chance(r, 0.6):
        at = now + r.randrange(-3 * DAY, 6 * DAY)
        out["birth_date"] = r.choice([f"19{r.randrange(70, 99)}" + iso(at)[4:10], "1992-02-29", iso(at), None]) \
            if chance(r, 0.9) else "x"
    if chance(r, 0.6):
        at = now + r.randrange(-3 * DAY, 6 * DAY)
        out["contract_end"] = r.choice([iso(at)[:10], iso(at), at, None])
    return out


def make(r):
    rules = policy(r)
    campaigns = [campaign(r, number, "follows" in rules) for number in range(r.choice([1, 2, 2, 3, 4]))]
    now = start = from_iso(r.choice(STARTS))
    users = [f"u{number}" for number in range(r.choice([1, 2, 3, 6]))]
    lines, ids = [], []
    pace = r.choice([MINUTE, 20 * MINUTE, 3 * HOUR, 12 * HOUR])
    for number in range(r.choice([5, 20, 40, 80])):
        if not chance(r, 0.2):
            now += r.choice([1, r.randrange(pace), r.randrange(pace), pace])
        if chance(r, 0.2):
            line = {"kind": "profile", "user": r.choice(users), "time": now, "attributes": None if chance(r, 0.05) else profile(r, now)}
        else:
            line = {"name": r.choice(NAMES), "user": r.choice(users), "time": now, "attributes": attributes(r, now)}
            if "follows" in rules and chance(r, 0.2):
                line["name"] = "price"
                del line["user"]
            if chance(r, 0.9):
                line["id"] = r.choice(ids) if ids and chance(r, 0.07) else f"e{number}"
                ids.append(line["id"])
        if chance(r, 0.25):
            line["arrives"] = now
            line["time"] = now - r.choice([0, r.randrange(2 * HOUR), r.randrange(3 * DAY), -r.randrange(6 * MINUTE), 8 * DAY])
            if chance(r, 0.1):
                line["arrives"] -= r.randrange(HOUR)
        lines.append(line)
    if chance(r, 0.2):
        for one in campaigns:
            if chance(r, 0.5):
                one["starts"] = iso(start + r.randrange(DAY))
            if chance(r, 0.5):
                one["ends"] = iso(start + DAY + r.randrange(3 * DAY))
    dated = any("yearly" in str(one["trigger"]) for one in campaigns)
    until = now + r.choice([0, HOUR, 30 * DAY, 400 * DAY if dated else DAY]) if chance(r, 0.5) else None
    return {"campaigns": campaigns, "policy": rules, "lines": lines, "until": until}


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
            out.write(json.dumps({name: iso(value) if name in ("time", "arrives") else value for name, value in line.items()}) + "\n")
