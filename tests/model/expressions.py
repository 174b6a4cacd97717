"""Expressions as trees, which can be written as CEL and evaluated here.

    ("lit", value)  ("var", "event", "total")  ("has", "event", "total")  ("cmp", op, left, right)
    ("and", left, right)  ("or", left, right)  ("not", tree)  ("if", condition, yes, no)  ("in", tree, [values])
    ("count", name, window_ms, predicate or None)  ("last", name)  ("add", left, right)  ("string", tree)
    ("meta", "id" | "name" | "time")  ("user",)  ("now",)  ("ago", ms): now - duration
"""

import json

from localtime import iso

REMEMBERED = 1000


class Err(Exception):
    """The expression has no value."""


class Timestamp(int):
    """An instant in ms, which is no number."""


def duration(ms):
    if ms == 0:
        return "0s"
    out = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if ms >= size:
            out += f"{ms // size}{unit}"
            ms %= size
    return out


def cel(tree):
    kind = tree[0]
    if kind == "lit":
        value = tree[1]
        return json.dumps(value)
    if kind == "var":
        return ".".join(tree[1:])
    if kind == "has":
        return f"has({tree[1]}.{tree[2]})"
    if kind == "cmp":
        return f"({cel(tree[2])} {tree[1]} {cel(tree[3])})"
    if kind in ("and", "or"):
        return f"({cel(tree[1])} {'&&' if kind == 'and' else '||'} {cel(tree[2])})"
    if kind == "count":
        predicate = f", {cel(tree[3])}" if tree[3] else ""
        return f'count("{tree[1]}", "{duration(tree[2])}"{predicate})'
    if kind == "last":
        return f'last("{tree[1]}")'
    if kind == "not":
        return f"!{cel(tree[1])}"
    if kind == "if":
        return f"({cel(tree[1])} ? {cel(tree[2])} : {cel(tree[3])})"
    if kind == "in":
        return f"({cel(tree[1])} in {json.dumps(tree[2])})"
    if kind == "add":
        return f"({cel(tree[1])} + {cel(tree[2])})"
    if kind == "string":
        return f"string({cel(tree[1])})"
    if kind == "meta":
        return f"meta.{tree[1]}"
    if kind == "user":
        return "user.id"
    if kind == "now":
        return "now"
    if kind == "ago":
        return f'(now - duration("{tree[1] // 1000}s"))'
    raise AssertionError(tree)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, (bool, Timestamp))


def same(left, right):
    if is_number(left) and is_number(right):
        return left == right
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right))
    return left == right


def value_of(tree, env):
    kind = tree[0]
    if kind == "lit":
        return tree[1]
    if kind in ("var", "has"):
        variable = env.get(tree[1])
        if variable is None:
            raise Err("unbound")
        if kind == "has":
            return tree[2] in variable
        if tree[2] not in variable:
            raise Err("missing")
        return variable[tree[2]]
    if kind == "cmp":
        left, right = value_of(tree[2], env), value_of(tree[3], env)
        if tree[1] == "==":
            return same(left, right)
        if tree[1] == "!=":
            return not same(left, right)
        if is_number(left) and is_number(right) or isinstance(left, str) and isinstance(right, str) or \
                isinstance(left, bool) and isinstance(right, bool) or \
                isinstance(left, Timestamp) and isinstance(right, Timestamp):
            return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[tree[1]]
        raise Err("no overload")
    if kind in ("and", "or"):
        deciding = kind == "or"
        results = []
        for side in tree[1:]:
            try:
                result = value_of(side, env)
                if not isinstance(result, bool):
                    raise Err("not a bool")
                results.append(result)
            except Err as error:
                results.append(error)
        if any(result is deciding for result in results):
            return deciding
        if any(isinstance(result, Err) for result in results):
            raise Err("absorbed nothing")
        return not deciding
    if kind == "count":
        matching = [event["time"] for event in env["history"] if event["name"] == tree[1] and
                    (tree[3] is None or holds(tree[3], {"it": event["attributes"]}))]
        return sum(env["now"] - tree[2] < time <= env["now"] for time in sorted(matching)[-REMEMBERED:])
    if kind == "last":
        times = sorted(event["time"] for event in env["history"] if event["name"] == tree[1])[-REMEMBERED:]
        times = [time for time in times if time <= env["now"]]
        return Timestamp(times[-1]) if times else None
    if kind == "not":
        value = value_of(tree[1], env)
        if not isinstance(value, bool):
            raise Err("not a bool")
        return not value
    if kind == "if":
        condition = value_of(tree[1], env)
        if not isinstance(condition, bool):
            raise Err("not a bool")
        return value_of(tree[2] if condition else tree[3], env)
    if kind == "in":
        value = value_of(tree[1], env)
        return any(same(value, one) for one in tree[2])
    if kind == "add":
        left, right = value_of(tree[1], env), value_of(tree[2], env)
        for kind in (int, float, str, list):
            if type(left) is kind and type(right) is kind:
                return left + right
        raise Err("no overload")
    if kind == "string":
        return printed(tree[1], env, strict=True)
    if kind == "meta":
        if "meta" not in env:
            raise Err("unbound")
        return Timestamp(env["meta"]["time"]) if tree[1] == "time" else env["meta"][tree[1]]
    if kind == "user":
        return env["user"]["id"]
    if kind == "now":
        return Timestamp(env["now"])
    if kind == "ago":
        return Timestamp(env["now"] - tree[1])
    raise AssertionError(tree)


def holds(tree, env):
    try:
        return value_of(tree, env) is True
    except Err:
        return False


def printed_double(value):
    """Go's shortest form: with an exponent below -4 and from 6 on."""
    for precision in range(17):
        text = f"{value:.{precision}e}"
        if float(text) == value:
            break
    digits, power = text.split("e")
    if not -4 <= int(power) < 6:
        return text
    return f"{value:.{max(0, precision - int(power))}f}"


def printed_instant(ms):
    text = iso(ms)[:-1].rstrip("0").rstrip(".")
    return text + "Z"


def printed(tree, env, strict=False):
    """As string() prints it; "" without a value (or Err, when strict)."""
    try:
        value = value_of(tree, env)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, Timestamp):
            return printed_instant(value)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return printed_double(value)
        raise Err("does not print")
    except Err:
        if strict:
            raise
        return ""
