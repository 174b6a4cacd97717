"""A deployment for one test: a folder with declic.yaml and campaigns, topics with a prefix of its own."""

import json
import os
import pathlib
import subprocess
import time
import uuid

from .processor import Processor, binary
from .topics import Topics


def now_ms():
    return int(time.time() * 1000)


class Site:
    """sources are created with 2 partitions; settings are added to declic.yaml (top-level keys replace)."""

    def __init__(self, folder, services, campaigns=None, policy=None, settings=None, journal_partitions=4,
                 source_partitions=2, workers=1):
        self.folder = pathlib.Path(folder)
        self.services = services
        self.topics = Topics(services.kafka)
        self.prefix = f"t{uuid.uuid4().hex[:10]}."
        self.events = f"{self.prefix}shop.events"
        self.profiles = f"{self.prefix}crm.profiles"
        self.processors = []
        self.readers = []
        self.topics.create(self.events, source_partitions)
        self.topics.create(self.profiles, source_partitions)
        self.config = self.folder / "declic.yaml"
        self.campaigns = self.folder / "campaigns"
        self.campaigns.mkdir(parents=True)
        values = {
            "kafka": {"bootstrap.servers": services.kafka},
            "redis": {"url": services.redis},
            "topics": {"prefix": self.prefix},
            "sources": [{"topic": self.events, "format": "json"},
                        {"topic": self.profiles, "format": "json", "kind": "profile"}],
            "profile": {"attributes": ["first_name", "city", "age", "locale", "push_token", "push_optin"]},
            "journal": {"partitions": journal_partitions},
            "workers": workers,
        }
        if policy is not None:
            (self.folder / "policy.yaml").write_text(policy)
            values["policy"] = "policy.yaml"
        values.update(settings or {})
        self.write_config(values)
        for name, text in (campaigns or {}).items():
            (self.campaigns / f"{name}.yaml").write_text(text)

    def write_config(self, values):
        """A flow mapping is YAML too, so JSON will do."""
        self.values = values
        self.config.write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + "\n")

    def run(self, *arguments, code=0, config=True, environment=None):
        """Runs a declic command to its end, checks its exit code, returns the finished process."""
        command = [str(binary()), *map(str, arguments)] + (["--config", str(self.config)] if config else [])
        done = subprocess.run(command, text=True, capture_output=True, timeout=90, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, **(environment or {})))
        assert code is None or done.returncode == code, (
            f"exit code {done.returncode} instead of {code}: {' '.join(command)}\n"
            f"--- standard output\n{done.stdout}\n--- standard error\n{done.stderr}")
        return done

    def prepare(self, seconds=120):
        """Creates the topics and applies the campaigns; again while a broker that has just started, or has no time, is
        not up to it."""
        self._until_reached(seconds, "topics", "create")
        if any(self.campaigns.iterdir()):
            self._until_reached(seconds, "campaigns", "apply", self.campaigns)
        return self

    def _until_reached(self, seconds, *arguments):
        deadline = time.monotonic() + seconds
        while True:
            done = self.run(*arguments, code=None)
            busy = done.returncode == 3 or "brokers are currently fenced" in done.stderr
            if not busy or time.monotonic() > deadline:
                assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stderr}"
                return

    def processor(self, name=None, environment=None):
        """A further `declic run`, not yet started."""
        made = Processor(self.config, name or f"run{len(self.processors)}", environment)
        self.processors.append(made)
        return made

    def start(self, count=1):
        started = [self.processor().start() for _ in range(count)]
        for one in started:
            one.wait_ready()
        return started[0] if count == 1 else started

    def event(self, user, name, attributes=None, id=None, time_ms=None, topic=None):
        """Sends one event; returns the id that it has."""
        id = id or uuid.uuid4().hex
        self.topics.put(topic or self.events, user, {
            "id": id, "user": user, "name": name, "time": time_ms or now_ms(), "attributes": attributes or {}})
        return id

    def flush(self):
        self.topics.flush()

    def reader(self, name, committed=True):
        """name: out.push, decisions, dlq, ... (the prefix is added)."""
        made = self.topics.reader(self.prefix + name, committed)
        self.readers.append(made)
        return made

    def logs(self):
        return "\n".join(one.log_tail() for one in self.processors if one.log_path.exists())

    def close(self):
        for one in self.readers:
            one.close()
        for one in self.processors:
            one.kill()
