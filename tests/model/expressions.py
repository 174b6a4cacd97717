"""Expressions as trees, which can be written as CEL and evaluated here.

    ("lit", value)  ("var", "event", "total")  ("has", "event", "total")  ("cmp", op, left, right)
    ("and", left, right)  ("or", left, right)  ("count", name, window_ms, predicate or None)  ("last", name)
"""

import json


class Err(Exception):
    """The expression has no value."""


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
    raise AssertionError(tree)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
                isinstance(left, bool) and isinstance(right, bool):
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
        count = 0
        for event in env["history"]:
            if event["name"] == tree[1] and env["now"] - tree[2] < event["time"] <= env["now"]:
                if tree[3] is None or holds(tree[3], {"it": event["attributes"]}):
                    count += 1
        return count
    if kind == "last":
        times = [event["time"] for event in env["history"] if event["name"] == tree[1] and event["time"] <= env["now"]]
        return max(times, default=None)
    raise AssertionError(tree)


def holds(tree, env):
    try:
        return value_of(tree, env) is True
    except Err:
        return False


def printed(tree, env, strict=False):
    """As string() prints it; "" without a value (or Err, when strict)."""
    try:
        value = value_of(tree, env)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
        raise Err("does not print")
    except Err:
        if strict:
            raise
        return ""
