"""One `declic run`: started, watched through its HTTP port and its log, stopped or killed by its pid."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from . import wait

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The declic under test: $DECLIC_BIN, else the newest one built."""
    named = os.environ.get("DECLIC_BIN")
    if named:
        return pathlib.Path(named).resolve()
    built = [path for path in ROOT.glob("build/*/declic") if path.is_file()]
    assert built, "no build/*/declic: build first (cmake --preset dev && ninja -C build/dev), or set DECLIC_BIN"
    return max(built, key=lambda path: path.stat().st_mtime)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processor:
    def __init__(self, config, name, environment=None, arguments=()):
        self.config = pathlib.Path(config)
        self.name = name
        self.log_path = self.config.parent / f"{name}.log"
        self.environment = environment or {}
        self.arguments = list(arguments)
        self.port = None
        self.process = None

    def start(self):
        assert not self.running, f"{self.name} runs already"
        self.port = free_port()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "run", "--config", self.config, *self.arguments],
                env=dict(os.environ, DECLIC_HTTP_LISTEN=f"127.0.0.1:{self.port}", **self.environment),
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def log_tail(self, lines=40):
        return f"{self.name}:\n" + "\n".join(self.log.splitlines()[-lines:])

    def get(self, path, seconds=10.0):
        """Returns (status, body); (0, reason) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def ask(self, method, path, body=None, headers=None, seconds=40.0):
        """Any request: (status, headers, body), the body parsed where it is JSON. body: bytes, text or for json.dumps."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = "json" in (answer.getheader("content-type") or "") and text != ""
            return answer.status, answer.headers, json.loads(text) if is_json else text
        finally:
            connection.close()

    def ready(self):
        if not self.running:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.log_tail()}")
        return self.get("/readyz")[0] == 200

    def wait_ready(self, seconds=90.0):
        wait.until(f"{self.name} is ready", self.ready, seconds, describe=self.log_tail)
        return self

    def wait_log(self, text, seconds=60.0):
        wait.until(f"{self.name} says {text!r}", lambda: text in self.log, seconds, describe=self.log_tail)

    def metrics(self):
        """{'name{labels}': value}, empty when it does not answer."""
        status, body = self.get("/metrics")
        found = {}
        if status == 200:
            for line in body.splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    try:
                        found[name] = float(value)
                    except ValueError:
                        pass
        return found

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        """kill -9, and waits until it is gone."""
        if self.running:
            self.process.kill()
            self.process.wait(10)

    def stop(self, seconds=45.0):
        """SIGTERM; returns the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end within {seconds:g} s of SIGTERM\n{self.log_tail()}")
        return self.process.returncode
