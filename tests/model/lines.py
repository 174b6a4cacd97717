"""Random lines as `declic simulate` reads them: events, profiles, and what it must refuse."""

from localtime import DAY, HOUR, iso

MINUTE = 60_000
NAMES = ["cart", "order", "view", "login"]
KEYS = ["a", "b", 1, 1.0, 42.0, 2.5, True, None, ["x"], "<b>&", 1000000.0, -7, ""]
ZONES = ["Europe/Paris", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "UTC", "Australia/Lord_Howe", "America/Havana",
         "America/Santiago", "Africa/Cairo", "Atlantic/Azores", "Africa/Casablanca", "No/Where", "", 5]
STARTS = ["2026-03-27T10:00:00Z", "2026-10-23T20:00:00Z", "2026-01-30T22:00:00Z", "2028-02-27T06:00:00Z", "2026-12-30T12:00:00Z",
          "2026-03-07T01:00:00Z", "2026-04-03T20:00:00Z", "2026-09-05T08:00:00Z", "2026-04-22T20:00:00Z", "2026-10-30T20:00:00Z"]


def chance(r, p):
    return r.random() < p


def dates(r, at):
    return r.choice([iso(at), iso(at)[:10], at, float(at), at + 0.5, "soon", iso(at)[:19] + "+02:00", iso(at)[:-1] + "9999Z", None, True])


def attributes(r, now, flood):
    out = {}
    if chance(r, 0.85):
        out["total"] = r.choice([5, 10, 29.5, 30, 50, 50.0, 71, 100]) if chance(r, 0.95) else "many"
    if chance(r, 0.85):
        out["key"] = r.randrange(3000) if flood else r.choice(KEYS[:4]) if chance(r, 0.8) else r.choice(KEYS)
    if chance(r, 0.2):
        out["other"] = r.choice([1, 40, 90.5])
    if chance(r, 0.5):
        out["ends"] = dates(r, now + r.randrange(-DAY, 4 * DAY))
    return out


def profile(r, now):
    out = {}
    for name, values in (("city", ["Lyon", "Paris", None]), ("age", [18, 35, 35.0]), ("time_zone", ZONES), ("optin", [True, True, False]),
                         ("token", ["tok", "tok", ""]), ("mail", ["a@b", None, ["x"]]), ("locale", ["fr", "fr-CA", "en", "de-CH", 5])):
        if chance(r, 0.5):
            out[name] = r.choice(values)
    if chance(r, 0.6):
        # Few days, so that a date is corrected, and corrected back.
        at = now - now % DAY + r.choice([-2, 0, 1, 1, 3, 5]) * DAY + r.choice([0, 13 * HOUR])
        out["birth_date"] = r.choice([f"19{r.randrange(70, 99)}" + iso(at)[4:10], "1992-02-29", iso(at), None]) \
            if chance(r, 0.9) else "x"
    if chance(r, 0.6):
        at = now - now % DAY + r.choice([-2, 0, 1, 1, 3, 5]) * DAY + r.choice([0, 13 * HOUR])
        out["contract_end"] = r.choice([iso(at)[:10], iso(at), at, None])
    return out


def broken(r, line):
    """Makes it one that is refused; its arrival can still be read."""
    line["refused"] = True
    wrong = {
        "name": ["", "a b", "x" * 65, 5, None], "user": ["", "a\u0001", "x" * 257, True, "a\u0085"], "id": ["", "x" * 129, "a\n"],
        "attributes": [[], "x", {"a": {"a": {"a": {"a": {"a": {}}}}}}, {str(n): 1 for n in range(129)}, {"a": "x" * 4097}, {"a": ["x"] * 128}],
        "kind": ["other", 1],
    }
    name = r.choice(["user", "kind"] if line.get("kind") == "profile" else list(wrong))
    line[name] = r.choice(wrong[name])
    return line


def a_line(r, number, now, users, ids, follows, flood):
    if chance(r, 0.02 if flood else 0.2):
        return {"kind": "profile", "user": r.choice(users), "time": now, "attributes": None if chance(r, 0.05) else profile(r, now)}
    line = {"name": "view" if flood and chance(r, 0.7) else r.choice(NAMES), "user": r.choice(users), "time": now, "attributes": attributes(r, now, flood)}
    if follows and chance(r, 0.2):
        line["name"] = r.choice(["price", "price", "stock"])
        del line["user"]
    elif chance(r, 0.05):
        line["name"] = r.choice(["price", "unknown"])
    if chance(r, 0.9):
        line["id"] = r.choice(ids) if ids and chance(r, 0.07) else f"e{number}"
        ids.append(line["id"])
    if chance(r, 0.03):
        line["kind"] = "event"
    return line


def lines(r, start, follows, flood):
    now, out, ids = start, [], []
    users = [f"u{number}" for number in range(1 if flood else r.choice([1, 2, 3, 6, 12]))]
    pace = 3000 if flood else r.choice([MINUTE, 20 * MINUTE, 3 * HOUR, 12 * HOUR])
    for user in users:
        if chance(r, 0.7):
            out.append({"kind": "profile", "user": user, "time": now, "attributes": profile(r, now)})
    for number in range(r.choice([1500, 3000]) if flood else r.choice([5, 20, 40, 80])):
        if not chance(r, 0.2):
            now += r.choice([1, r.randrange(pace), r.randrange(pace), pace])
        line = a_line(r, number, now, users, ids, follows, flood)
        if chance(r, 0.25):
            line["arrives"] = now
            line["time"] = now - r.choice([0, r.randrange(2 * HOUR), r.randrange(3 * DAY), -r.randrange(6 * MINUTE), 8 * DAY])
            if chance(r, 0.1):
                line["arrives"] -= r.randrange(HOUR)
        if chance(r, 0.1):
            line["spelling"] = r.choice(["ms", "offset", "finer"])
        out.append(broken(r, line) if chance(r, 0.02) else line)
    return out
