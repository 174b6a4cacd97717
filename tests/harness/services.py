"""The broker and the Redis under the tests, through tools/services (one implementation for all)."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "services"


class Services:
    """A broker and a Redis that live in one folder and keep their ports over kill and start."""

    def __init__(self, folder, redis_conf="", kafka_properties="", kafka_links=""):
        self.folder = pathlib.Path(folder)
        self.environment = dict(os.environ, DECLIC_REDIS_CONF=redis_conf, DECLIC_KAFKA_PROPERTIES=kafka_properties,
                                DECLIC_KAFKA_LINKS=kafka_links)
        self.kafka = None
        self.redis = None
        self.registry = None

    def _call(self, *arguments):
        done = subprocess.run([TOOL, *arguments], env=self.environment, text=True, capture_output=True, timeout=900)
        if done.returncode != 0:
            raise RuntimeError(f"tools/services {' '.join(map(str, arguments))} failed:\n{done.stderr}")
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            if name == "KAFKA":
                self.kafka = value
            elif name == "REDIS":
                self.redis = value
            elif name == "REGISTRY":
                self.registry = value
        return self

    def up(self):
        return self._call("up", self.folder)

    def down(self):
        return self._call("down", self.folder)

    def start(self, name):
        return self._call(name, "start", self.folder)

    def stop(self, name):
        return self._call(name, "stop", self.folder)

    def kill(self, name):
        return self._call(name, "kill", self.folder)

    def pid(self, name):
        return int((self.folder / name / "pid").read_text())

    def alive(self, name):
        """Whether it runs: not gone, and no dead child that nobody has asked for."""
        try:
            about = pathlib.Path(f"/proc/{self.pid(name)}/stat").read_text()
        except FileNotFoundError:
            return False
        return about.rsplit(")", 1)[1].split()[0] not in "ZX"

    @property
    def broker_data(self):
        return self.folder / "kafka" / "data"

    @property
    def redis_data(self):
        return self.folder / "redis" / "data"
