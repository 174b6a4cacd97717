"""Waiting for a condition with a deadline; never for a fixed time."""

import time


def until(what, condition, seconds=60.0, every=0.05, describe=None):
    """Calls condition() until it returns something true and returns that.

    what is a sentence for the failure message, describe() adds what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            seen = "" if describe is None else f"\nseen last: {describe()}"
            raise AssertionError(f"not within {seconds:g} s: {what}{seen}")
        time.sleep(every)
