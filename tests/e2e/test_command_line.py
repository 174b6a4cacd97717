"""What every command has in common: help, unknown words and flags, exit codes; and `campaigns validate`."""

import re
import subprocess

import pytest

from harness.processor import binary

CAMPAIGN = """\
campaign: hello
type: event
trigger: {event: signed_up}
steps:
  - {id: a, channel: push, message: {title: "Hello {{ profile.first_name }}"}}
"""


def declic(*arguments, environment=None, folder=None):
    done = subprocess.run([binary(), *arguments], capture_output=True, text=True, env=environment, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def commands():
    _, out, _ = declic("--help")
    return re.findall(r"^  ([a-z]+(?: [a-z]+)*)  ", out, re.M)


def test_help_lists_commands_and_each_has_its_own():
    assert "version" in commands()
    for command in commands():
        code, out, err = declic(*command.split(), "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: declic {command}")


@pytest.mark.parametrize("group", ["campaigns", "dlq", "topics"])
def test_help_of_a_group_lists_its_commands(group):
    code, out, err = declic(group, "--help")
    assert (code, err) == (0, "")
    assert all(f"  declic {command}" in out for command in commands() if command.startswith(group + " "))


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "Usage: declic COMMAND"),
        (["versoin"], "unknown command `versoin`; did you mean `version`?"),
        (["campaigns"], "`campaigns` needs one more word"),
        (["campaigns", "--config", "x"], "`campaigns` needs one more word"),
        (["dlq", "drop"], "unknown command `dlq drop`"),
        (["campaigns", "valdate"], "did you mean `campaigns validate`?"),
        (["version", "--verbose"], "declic version: unknown flag --verbose"),
        (["version", "now"], "unexpected argument `now`"),
        (["campaigns", "validate"], "DIR is missing"),
        (["campaigns", "validate", "-p", "x"], "unknown flag -p; flags begin with two hyphens"),
        (["campaigns", "validate", "x", "--polcy", "y"], "did you mean --policy?"),
        (["campaigns", "validate", "x", "--redis.uri", "y"], "did you mean --redis.url?"),
        (["campaigns", "validate", "x", "--policy"], "--policy needs a value"),
        (["campaigns", "validate", "/nowhere"], "/nowhere: cannot be read: No such file or directory"),
        (["campaigns", "validate", "/dev/null"], "/dev/null: is not a folder; name the folder that the campaigns are in"),
    ],
    ids=str,
)
def test_wrong_usage(arguments, said):
    code, out, err = declic(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_version():
    assert declic("version") == declic("--version")
    assert re.fullmatch(r"declic \d+\.\d+\.\d+\n", declic("version")[1])


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_validate_counts_what_is_right(folder):
    write(folder, a_yaml=CAMPAIGN, b_yml=CAMPAIGN.replace("hello", "other"), policy_yaml="time_zone: UTC\n", c_txt="x")
    assert declic("campaigns", "validate", folder) == (0, "2 campaigns ok\n", "")


def test_validate_tells_everything_that_is_wrong(folder):
    write(folder, a_yaml=CAMPAIGN.replace("signed_up", "signed up"), b_yaml=CAMPAIGN, c_yaml=CAMPAIGN)
    write(folder, policy_yaml="locale: fr_FR\n")
    code, out, err = declic("campaigns", "validate", folder)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        f"{folder}/policy.yaml:1:9: `locale`: expected a language tag such as fr or fr-CA, found text `fr_FR`",
        f"{folder}/a.yaml:3:18: `event`: expected a name of 1 to 64 characters out of A-Za-z0-9_.:-, "
        "found text `signed up`",
        f"{folder}/c.yaml:1:1: the campaign `hello` is in {folder}/b.yaml too",
    ]


def test_validate_with_snippets(folder):
    campaign = CAMPAIGN.replace("Hello {{ profile.first_name }}", "{% render 'name' %}")
    write(folder, a_yaml=campaign)
    assert declic("campaigns", "validate", folder)[0] == 1
    write(folder, snippets__name_liquid="{{ profile.first_name }}")
    assert declic("campaigns", "validate", folder) == (0, "1 campaign ok\n", "")


def test_validate_with_a_policy_and_a_configuration(folder):
    thing = CAMPAIGN.replace("{event: signed_up}", "{event: dropped, thing: event.id, followers: f}")
    write(folder, campaigns__a_yaml=thing, declic_yaml="kafka: {bootstrap.servers: x}\npolicy: rules.yaml\n")
    write(folder, rules_yaml="follows: {f: {on: {event: liked, thing: event.id}}}\n")
    arguments = ("campaigns", "validate", folder / "campaigns")
    code, _, err = declic(*arguments)
    assert code == 1 and "the policy's `follows` has no `f`" in err
    assert declic(*arguments, "--policy", folder / "rules.yaml")[0] == 0
    code, _, err = declic(*arguments, "--config", folder / "declic.yaml")
    assert code == 1 and "the profile attribute `first_name` is not kept" in err
    assert declic(*arguments, "--config", folder / "declic.yaml", "--profile.attributes=[first_name]")[0] == 0
