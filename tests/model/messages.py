"""Messages as lists of parts, which can be written as templates and rendered here.

    ("text", text)  ("out", "event", "total")  ("default", "event", "total", text)
    ("abort_if", "event", "total", number): aborts above it  ("fail",): an error while rendering
"""

from expressions import is_number


class Aborted(Exception):
    pass


class Failed(Exception):
    pass


def is_parts(value):
    return isinstance(value, list) and all(isinstance(part, tuple) for part in value)


def spelled_part(part):
    if part[0] == "text":
        return part[1]
    if part[0] == "out":
        return "{{ %s.%s }}" % part[1:]
    if part[0] == "default":
        return "{{ %s.%s | default: '%s' }}" % part[1:]
    if part[0] == "abort_if":
        return "{%% if %s.%s > %d %%}{%% abort 'too much' %%}{%% endif %%}" % part[1:]
    return "{{ 1 | divided_by: 0 }}"


def spelled_message(value):
    if is_parts(value):
        return "".join(spelled_part(part) for part in value)
    if isinstance(value, dict):
        return {name: spelled_message(one) for name, one in value.items()}
    return [spelled_message(one) for one in value] if isinstance(value, list) else value


def text_of(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "".join(text_of(one) for one in value)
    return str(value)


def escaped(text):
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(plain, entity)
    return text


def rendered_part(part, env, html):
    if part[0] == "text":
        return part[1]
    if part[0] == "fail":
        raise Failed
    value = (env.get(part[1]) or {}).get(part[2])
    if part[0] == "abort_if":
        if isinstance(value, str):
            raise Failed  # texts and numbers do not compare
        if is_number(value) and value > part[3]:
            raise Aborted
        return ""
    if part[0] == "default" and (value is None or value is False or value in ("", [])):
        value = part[3]
    return escaped(text_of(value)) if html else text_of(value)


def rendered(value, env, html=False):
    if is_parts(value):
        return "".join(rendered_part(part, env, html) for part in value)
    if isinstance(value, dict):
        return {name: rendered(one, env) for name, one in value.items()}
    return [rendered(one, env) for one in value] if isinstance(value, list) else value


def chosen(layers):
    """Field by field, the nearest first in `layers`, the message itself last."""
    names = list(layers[-1])
    for layer in layers[:-1]:
        names += [name for name in layer if name not in names]
    return {name: next(layer[name] for layer in layers if name in layer) for name in names}
