"""What goes wrong before anything runs: each says what, where and what to do, and has its exit code."""

import socket
import subprocess

import pytest

from harness import wait
from harness.processor import binary, free_port

CAMPAIGN = """campaign: one
type: event
trigger:
  event: seen
steps:
  - id: only
    channel: push
    message: {title: "Hello"}
"""


def command(*arguments, code):
    done = subprocess.run([str(binary()), *map(str, arguments)], text=True, capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{arguments}: exit code {done.returncode} instead of {code}\n{done.stdout}{done.stderr}"
    return done


# Usage

def test_version():
    assert command("version", code=0).stdout.strip()


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("run", "--nonsense"), ("campaigns", "nonsense"),
                                       ("pending",), ("simulate",), ("run", "--config")])
def test_wrong_usage(arguments):
    done = command(*arguments, code=2)
    assert done.stderr.strip(), "nothing was said"
    assert done.stdout == ""


def test_config_that_is_missing(folder):
    done = command("run", "--config", folder / "none.yaml", code=2)
    assert "none.yaml" in done.stderr


@pytest.mark.parametrize("line, place, word", [
    ("redis: {ulr: x}", ":2:9:", "ulr"),
    ("nonsense: 1", ":2:1:", "nonsense"),
    ("workers: many", ":2:10:", "workers"),
    ("delivery: sometimes", ":2:11:", "exactly_once"),
    ("journal: {partitions: 0}", ":2:23:", "partitions"),
    ("intake: {max_age: soon}", ":2:19:", "max_age"),
    ("sources: [{topic: t, format: xml}]", ":2:30:", "json"),
    ("redis: {url: [}", ":2:", ""),
])
def test_config_errors_have_their_place(folder, line, place, word):
    path = folder / "declic.yaml"
    path.write_text(f'kafka: {{bootstrap.servers: "127.0.0.1:1"}}\n{line}\n')
    done = command("run", "--config", path, code=2)
    assert f"declic.yaml{place}" in done.stderr and word in done.stderr, done.stderr


def test_properties_that_the_protocol_fixes_are_refused(folder):
    path = folder / "declic.yaml"
    path.write_text('kafka: {bootstrap.servers: "127.0.0.1:1", isolation.level: read_uncommitted}\n')
    assert "isolation.level" in command("run", "--config", path, code=2).stderr


# Campaigns

BROKEN = {
    "unknown key": (CAMPAIGN.replace("type: event", "type: event\ncolour: red"), ":3:1:", "colour"),
    "unknown channel": (CAMPAIGN.replace("push", "pigeon"), ":7:14:", "push"),
    "wrong type": (CAMPAIGN.replace("type: event", "type: news"), ":2:7:", "transactional"),
    "expression": (CAMPAIGN.replace("event: seen", "event: seen\n  where: event.total >="), ":5:", "where"),
    "template": (CAMPAIGN.replace('"Hello"', '"{{ event.x"'), ":8:", ""),
    "duration": (CAMPAIGN.replace("channel: push", "channel: push\n    send: {after: soon}"), ":8:", "after"),
    "no trigger": (CAMPAIGN.replace("trigger:\n  event: seen\n", ""), ":1:", "trigger"),
    "no YAML": (CAMPAIGN + "\t- [", ":9:", ""),
}


@pytest.mark.parametrize("what", BROKEN)
def test_campaign_errors_have_their_place(folder, what):
    text, place, word = BROKEN[what]
    (folder / "campaigns").mkdir()
    (folder / "campaigns" / "one.yaml").write_text(text)
    (folder / "campaigns" / "two.yaml").write_text(CAMPAIGN.replace("one", "two"))
    done = command("campaigns", "validate", folder / "campaigns", code=1)
    assert f"one.yaml{place}" in done.stderr and word in done.stderr, done.stderr
    assert "two.yaml" not in done.stderr


def test_valid_campaigns_pass(folder):
    (folder / "campaigns").mkdir()
    (folder / "campaigns" / "one.yaml").write_text(CAMPAIGN)
    assert command("campaigns", "validate", folder / "campaigns", code=0).stderr == ""


def test_apply_refuses_all_when_one_is_wrong(site):
    made = site(campaigns={"good": CAMPAIGN.replace("one", "good"), "bad": CAMPAIGN.replace("push", "pigeon")})
    made.run("topics", "create")
    made.run("campaigns", "apply", made.campaigns, code=1)
    assert "good" not in made.run("campaigns", "list").stdout


def test_apply_again_changes_nothing(site):
    made = site(campaigns={"one": CAMPAIGN}).prepare()
    made.run("campaigns", "apply", made.campaigns)
    listed = made.run("campaigns", "list", "--json").stdout
    assert '"version":1' in listed.replace(" ", ""), listed


# Services

def test_topics_create_says_which_sources_are_missing(site):
    made = site()
    made.write_config({**made.values, "sources": [{"topic": "nobody.has.this", "format": "json"}]})
    done = made.run("topics", "create", code=None)
    assert "nobody.has.this" in done.stdout + done.stderr
    assert f"{made.prefix}journal" in made.topics.names()


def test_topics_create_twice(site):
    made = site()
    made.run("topics", "create")
    made.run("topics", "create")
    assert made.topics.partitions(made.prefix + "journal") == 4


def waits(processor, word):
    """It runs on, is alive but not ready, and says every few seconds what it waits for."""
    wait.until("it says what it waits for", lambda: processor.log.lower().count(word) >= 2, describe=processor.log_tail)
    assert processor.running
    assert processor.get("/livez")[0] == 200
    assert processor.get("/readyz")[0] == 503


def test_run_waits_for_kafka(site):
    made = site().prepare()
    port = free_port()
    made.write_config({**made.values, "kafka": {"bootstrap.servers": f"127.0.0.1:{port}"}})
    processor = made.processor().start()
    waits(processor, "kafka")
    assert str(port) in processor.log
    assert processor.stop() == 0


def test_run_waits_for_redis(site):
    made = site().prepare()
    port = free_port()
    made.write_config({**made.values, "redis": {"url": f"redis://127.0.0.1:{port}/0"}})
    processor = made.processor().start()
    waits(processor, "redis")
    assert str(port) in processor.log
    assert processor.stop() == 0


def test_commands_do_not_wait(site):
    made = site().prepare()
    made.write_config({**made.values, "kafka": {"bootstrap.servers": f"127.0.0.1:{free_port()}"}})
    assert "afka" in made.run("check", code=3).stderr
    made.write_config({**made.values, "kafka": {"bootstrap.servers": made.services.kafka},
                       "redis": {"url": f"redis://127.0.0.1:{free_port()}/0"}})
    assert "edis" in made.run("check", code=3).stderr
    made.run("pending", "--user", "u", code=3)


def test_something_else_on_the_port_of_redis(site):
    made = site().prepare()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        made.write_config({**made.values, "redis": {"url": f"redis://127.0.0.1:{mute.getsockname()[1]}/0"}})
        made.run("check", code=3)


def test_check_is_content_with_a_good_deployment(site):
    made = site(campaigns={"one": CAMPAIGN}).prepare()
    made.run("check")


def test_partition_count_that_is_not_the_configured_one(site):
    made = site().prepare()
    made.write_config({**made.values, "journal": {"partitions": 6}})
    done = made.run("check", code=None)
    assert done.returncode in (1, 2) and "journal" in done.stderr and "4" in done.stderr and "6" in done.stderr, done.stderr
    processor = made.processor().start()
    wait.until("run refuses", lambda: not processor.running, describe=processor.log_tail)
    assert processor.process.returncode in (1, 2)
    assert "journal" in processor.log and "partitions" in processor.log


def test_evicting_redis_is_refused_with_the_remedy(site, own_services):
    import redis
    services = own_services(redis_conf="maxmemory 100mb\nmaxmemory-policy allkeys-lru")
    made = site(on=services).prepare()
    processor = made.processor().start()
    wait.until("the remedy is named", lambda: "noeviction" in processor.log, describe=processor.log_tail)
    assert "allkeys-lru" in processor.log
    assert processor.get("/readyz")[0] != 200
    processor.kill()
    assert "noeviction" in made.run("check", code=None).stderr
    redis.Redis.from_url(services.redis).config_set("maxmemory-policy", "noeviction")
    made.processor("again").start().wait_ready()
