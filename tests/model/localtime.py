"""Instants in ms, local times, and the ids that are made of names. Standard library only."""

import datetime
import uuid
from zoneinfo import ZoneInfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
NAMESPACE = uuid.UUID("6f1c7b52-5d0e-5c7e-9a53-0f6a4d3c2b11")
HOUR, DAY = 3_600_000, 86_400_000
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def iso(ms):
    return (EPOCH + datetime.timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def from_iso(text):
    return round((datetime.datetime.fromisoformat(text) - EPOCH) / datetime.timedelta(milliseconds=1))


def uuid5(*parts):
    return uuid.uuid5(NAMESPACE, "\x1f".join(parts))


def bucket(purpose, campaign, user):
    return int.from_bytes(uuid5(purpose, campaign, user).bytes[:4], "big") % 10_000


# --- local time ------------------------------------------------------------------------------------------


def zone(name):
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else None
    except Exception:
        return None


def local(instant, tz):
    return (EPOCH + datetime.timedelta(milliseconds=instant)).astimezone(tz)


def instant_of(date, minute, tz, extra_ms=0):
    """The instant of a wall time: the first of two, the first after a gap."""
    naive = datetime.datetime(date.year, date.month, date.day) + datetime.timedelta(minutes=minute, milliseconds=extra_ms)
    first = naive.replace(tzinfo=tz, fold=0)
    ms = round((first.astimezone(UTC) - EPOCH) / datetime.timedelta(milliseconds=1))
    if local(ms, tz).replace(tzinfo=None) == naive:
        return ms
    # In a gap: look for the instant at which the clock jumps over this wall time.
    low, high = ms - 12 * HOUR, ms + 12 * HOUR
    while high - low > 1:
        middle = (low + high) // 2
        if local(middle, tz).replace(tzinfo=None) < naive:
            low = middle
        else:
            high = middle
    return high
