"""What the faults break: a broker, a Redis with a replica, two processes, and a proxy between each of them.

Every process reaches Kafka and Redis by links of its own (`kafka0`, `redis0`, `kafka1`, ...), so that the
network of one can be broken; the test itself talks to the services directly. Which Redis the links lead
to changes when the replica is promoted. On a machine where this is allowed Kafka and Redis each live on
a small disk that can be full.
"""

import collections
import contextlib
import signal
import time

import redis

import stream
from harness import disk, wait
from harness.links import Links
from harness.processor import free_port
from harness.segments import TopicLog
from harness.services import Services
from harness.site import now_ms

PROCESSES = 2
PARTITIONS = 8
# One append-only file, so that its end can be cut off; a replica that comes is served at once.
REDIS_CONF = "auto-aof-rewrite-percentage 0\nrepl-diskless-sync-delay 0"


class Rig:
    def __init__(self, folder, make_site, chance):
        self.chance = chance
        self.disks = {}
        self.load = None
        self.kills = collections.Counter()  # by process
        self.counted = collections.defaultdict(dict)  # process and incarnation -> metric -> last value
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._start(folder, make_site)
            undo.pop_all()

    def _start(self, folder, make_site):
        self.services = self.links = self.standby = None
        shown = {f"kafka{n}": free_port() for n in range(PROCESSES)}
        behind = {f"kafka{n}": free_port() for n in range(PROCESSES)}
        self.redis_ports = {f"redis{n}": free_port() for n in range(PROCESSES)} | {"replica": free_port()}
        listeners = " ".join(f"{name.upper()}={behind[name]}:{shown[name]}" for name in shown)
        self.services = Services(folder / "services", redis_conf=REDIS_CONF, kafka_links=listeners)
        self.standby = Services(folder / "standby", redis_conf=REDIS_CONF)
        if not disk.why_not():
            self.disks = {"kafka": disk.Disk(folder / "services" / "kafka"), "redis": disk.Disk(folder / "services" / "redis"),
                          "standby": disk.Disk(folder / "standby" / "redis")}
        self.services.up()
        self.standby.start("redis")
        self.primary, self.replica = self.services, self.standby
        routes = {name: (shown[name], behind[name]) for name in shown}
        routes |= {name: (port, port_of(self.primary)) for name, port in self.redis_ports.items()}
        self.links = Links(routes)
        self.site = make_site(on=self.services, campaigns=stream.FILES, journal_partitions=PARTITIONS, source_partitions=4,
                              workers=2)
        self.site.prepare(240)
        self.processes = []
        for number in range(PROCESSES):
            self.processes.append(self.site.processor(environment={
                "DECLIC_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{shown[f'kafka{number}']}",
                "DECLIC_REDIS_URL": f"redis://127.0.0.1:{self.redis_ports[f'redis{number}']}/0"}).start())
        self.settle()
        self.log = TopicLog(self.services.broker_data, self.site.prefix + "journal")

    def close(self):
        for process in getattr(self, "processes", []):
            process.kill()
        if self.links:
            self.links.close()
        for one in (self.services, self.standby):
            if one:
                one.kill("kafka").kill("redis")
        for one in self.disks.values():
            one.close()
        for one in (self.services, self.standby):
            if one:
                one.down()

    def note(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    # Processes

    def any_process(self):
        return self.chance.choice(self.processes)

    def other(self, process):
        return next(one for one in self.processes if one is not process)

    def number(self, process):
        return self.processes.index(process)

    def settle(self, seconds=240):
        """Until every process runs and is ready, and each fires its share of the partitions."""
        for process in self.processes:
            process.wait_ready(seconds)
        wait.until("each fires its share", lambda: all(self.fires(process) == PARTITIONS / PROCESSES for process in self.processes),
                   seconds, describe=self.site.logs)

    def fires(self, *processes):
        """How many partitions they say that they fire."""
        return int(sum(process.metrics().get("declic_partitions_attached", 0) for process in processes))

    def wait_takes_all(self, process, seconds=120):
        wait.until(f"{process.name} fires all partitions", lambda: self.fires(process) == PARTITIONS, seconds,
                   describe=process.log_tail)

    def counter(self, process, name):
        return int(process.metrics().get(f"declic_{name}_total", 0))

    def sample(self):
        for process in self.processes:
            if process.running:
                self.counted[process.name, process.process.pid].update(process.metrics())

    def total(self, name):
        """A counter of the processes as of when they were last asked, over all that ever ran."""
        return int(sum(metrics.get(f"declic_{name}_total", 0) for metrics in self.counted.values()))

    def stop_inside_transaction(self, process, tries=40):
        """SIGSTOP, again and again, until it stands inside an open transaction: over how many partitions, 0 if never."""
        for _ in range(tries):
            process.signal(signal.SIGSTOP)
            time.sleep(0.1)
            before = dict(self.log.scan().open)
            time.sleep(0.2)  # the other process ends its own transactions meanwhile
            stalled = [place for place, offset in self.log.scan().open.items() if before.get(place) == offset]
            if stalled:
                return len(stalled)
            process.signal(signal.SIGCONT)
            time.sleep(self.chance.uniform(0.01, 0.1))
        process.signal(signal.SIGSTOP)
        return 0

    # Redis

    def client(self, services=None):
        return redis.Redis.from_url((services or self.primary).redis)

    def redis_disk(self):
        return self.disks["redis" if self.primary is self.services else "standby"]

    def heads(self, services=None):
        """Where the view stands: every key of this deployment that is named head."""
        client = self.client(services)
        found = {}
        for key in client.scan_iter(match="*head*", count=1000):
            if self.site.prefix.encode() in key and client.type(key) in (b"string", b"hash"):
                found[key] = client.get(key) if client.type(key) == b"string" else client.hgetall(key)
        return found

    def promote(self):
        """The links lead to the replica from now on."""
        self.primary, self.replica = self.replica, self.primary
        for number in range(PROCESSES):
            self.links.aim(f"redis{number}", port_of(self.primary))

    def frozen(self):
        return Frozen(self.processes)


class Frozen:
    """Stops all processes for a moment, so that what is looked at does not change."""

    def __init__(self, processes):
        self.processes = [process for process in processes if process.running]

    def __enter__(self):
        for process in self.processes:
            process.signal(signal.SIGSTOP)

    def __exit__(self, *_):
        for process in self.processes:
            process.signal(signal.SIGCONT)


def port_of(services):
    return int(services.redis.rsplit(":", 1)[1].split("/")[0])


def went_back(before, after):
    """In how many partitions the head is another one now."""
    assert before, "no key named head: has the layout in Redis changed?"
    return sum(1 for key, value in before.items() if after.get(key) != value)


def wait_for(seconds):
    """For faults that last: a time that is part of what is injected."""
    until = now_ms() + seconds * 1000
    while now_ms() < until:
        time.sleep(0.05)
