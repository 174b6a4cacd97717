"""The examples of docs/http.md, run one after the other as they stand there, and that no path is missing."""

import json
import re
import subprocess

from harness.processor import ROOT

MANUAL = (ROOT / "docs" / "http.md").read_text()
WELCOME = "campaign: welcome\ntype: event\ntrigger: {event: signed_up}\n" \
          "steps: [{id: a, channel: push, message: {title: Welcome}}]\n"


def examples():
    """(commands, the answer shown to the last of them)."""
    return re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", MANUAL, re.S)


def shape(value):
    """Member names at any depth; times, ids and texts differ from run to run."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(element) for element in value] if isinstance(value, list) else None


def test_examples(site, folder):
    made = site().prepare()
    run = made.start()
    (folder / "welcome.yaml").write_text(WELCOME)
    assert len(examples()) > 6
    for commands, shown in examples():
        commands = commands.replace("127.0.0.1:8080", f"127.0.0.1:{run.port}")
        done = subprocess.run(["bash", "-euc", commands], cwd=folder, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        last = done.stdout if shown.startswith(("[", '{"decisions')) else done.stdout.splitlines()[-1]
        got, expected = json.loads(last), json.loads(shown)
        if "definition" in expected:
            assert shape(got) == shape(expected)
        else:
            assert got == expected, commands


def test_every_path_is_in_the_manual():
    routes = re.findall(r'\{"([A-Z]+)", "(/[^"]+)"', (ROOT / "processor" / "http" / "routes.c").read_text())
    assert len(routes) > 10
    for method, path in routes:
        known = path in MANUAL or f"…/{path.rsplit('/', 1)[1]}" in MANUAL or f"`{path}`" in MANUAL
        assert known and method in MANUAL, f"{method} {path} is not in docs/http.md"
