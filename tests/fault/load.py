"""Sends a stream on its own thread, at its own pace, and watches what comes out."""

import copy
import functools
import os
import pathlib
import threading
import time

from harness import wait
from harness.site import now_ms


class Load(threading.Thread):
    def __init__(self, topics, topic, stream):
        super().__init__(daemon=True)
        self.topics = topics
        self.topic = topic
        self.stream = stream
        self.events = []
        self.delivered = 0
        self.began_ms = None
        self.stopping = False
        self.failure = None

    def run(self):
        try:
            self._send_all()
        except Exception as failure:  # shown by finish(), on the test's thread
            self.failure = failure

    def _send_all(self):
        self.began_ms = now_ms() + 500
        for send_at, occurs_at, event in self.stream:
            if self.stopping:
                break
            wait_ms = self.began_ms + send_at - now_ms()
            while wait_ms > 0:
                self.topics.producer.poll(min(wait_ms, 50) / 1000)
                wait_ms = self.began_ms + send_at - now_ms()
            sent = copy.copy(event)
            sent.time_ms = self.began_ms + occurs_at
            sent.put_ms = now_ms()
            self.events.append(sent)
            self.topics.put(self.topic, sent.user, {
                "id": sent.id, "user": sent.user, "name": sent.name, "time": sent.time_ms, "attributes": sent.attributes,
            }, on_delivery=functools.partial(self._delivered, sent))
        self.topics.flush(120)

    def _delivered(self, event, error, _):
        assert error is None, error
        event.acked_ms = now_ms()
        self.delivered += 1

    def stop(self):
        """No more is sent than was."""
        self.stopping = True

    def wait_sent(self, count, seconds):
        """Until so many events were sent."""
        wait.until(f"{count} events were sent", lambda: len(self.events) >= count, seconds, describe=lambda: len(self.events))

    def finish(self, seconds):
        self.join(seconds)
        assert not self.is_alive(), (
            f"the stream was not sent in time: {len(self.events)} handed over, {self.delivered} acknowledged, "
            f"{len(self.topics.producer)} on their way")
        if self.failure:
            raise self.failure
        assert self.delivered == len(self.events)
        return self.events


class Watch(threading.Thread):
    """Reads an outbound topic live and keeps, for each message, its due instant and when it was seen."""

    def __init__(self, site, names):
        super().__init__(daemon=True)
        self.readers = [site.reader(name) for name in names]
        self.seen = []  # (seen, due, produced, where)
        self.stopping = False

    def run(self):
        while not self.stopping:
            for reader in self.readers:
                for record in reader.poll(0.05):
                    self.seen.append((record.seen_ms, int(record.header("declic-due")), record.timestamp_ms,
                                      f"{record.topic} {record.partition}/{record.offset}"))
                reader.records.clear()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join(10)


class Breath(threading.Thread):
    """Notes the seconds in which the machine had much more to do than it has cores: time proves nothing then."""

    CROWD = 6  # runnable threads a core

    def __init__(self):
        super().__init__(daemon=True)
        self.strained = set()  # seconds since the epoch
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.2):
            runnable = int(pathlib.Path("/proc/loadavg").read_text().split()[3].split("/")[0])
            if runnable > self.CROWD * os.cpu_count():
                self.strained.add(int(time.time()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
