"""Faults of Redis: acknowledged writes lost, all lost, no room in memory or on disk, another Redis."""

import os
import signal

import redis

from faults import Fault, signal_service
from harness import disk, wait
from rig import port_of, wait_for, went_back

LOST_BYTES = 20000


class RedisFault(Fault):
    group = "Redis"


class Truncated(RedisFault):
    name = "Redis killed, the end of its AOF lost"

    def inject(self):
        services = self.rig.primary
        aof = max((services.redis_data / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
        kept = aof.stat().st_size
        wait.until("Redis has written what is to be lost", lambda: aof.stat().st_size > kept + LOST_BYTES, 120)
        before = self.rig.heads()
        services.kill("redis")
        self.lost = aof.stat().st_size - kept
        os.truncate(aof, kept)
        with self.rig.frozen():  # what it holds is looked at before anybody can write
            services.start("redis")
            self.went_back = went_back(before, self.rig.heads())

    def happened(self):
        assert self.went_back, "the truncation did not take any head back"
        return f"Redis lost its last {self.lost} bytes; {self.went_back} heads went back"


class Flushed(RedisFault):
    name = "Redis flushed (FLUSHALL)"

    def inject(self):
        with self.rig.frozen():
            self.rig.client().flushall()
            self.heads = self.rig.heads()

    def happened(self):
        assert not self.heads
        return "no head was left"


class Promoted(RedisFault):
    name = "Redis fails over to a lagging replica"

    def inject(self):
        rig = self.rig
        primary, replica = rig.primary, rig.replica
        replica.start("redis")
        rig.links.aim("replica", port_of(primary))
        follower = rig.client(replica)
        follower.replicaof("127.0.0.1", rig.redis_ports["replica"])
        wait.until("the replica follows", lambda: follower.info("replication")["master_link_status"] == "up", 60)
        wait_for(1)
        rig.links.stall("replica")
        self.stood = follower.info("replication")["slave_repl_offset"]
        wait.until("the replica lags", lambda: self.offset(primary) > self.stood + LOST_BYTES, 120)
        before = rig.heads()
        self.lag = self.offset(primary) - self.stood
        primary.kill("redis")
        follower.replicaof("NO", "ONE")
        rig.links.mend("replica")
        self.went_back = went_back(before, rig.heads(replica))
        rig.promote()

    def offset(self, services):
        return self.rig.client(services).info("replication")["master_repl_offset"]

    def happened(self):
        assert self.went_back, "the replica had everything"
        return f"the replica was promoted {self.lag} bytes behind; {self.went_back} heads went back"


class MemoryFull(RedisFault):
    name = "Redis reaches maxmemory"

    def inject(self):
        self.refused = sum(self.rig.counter(process, "store_full") for process in self.rig.processes)
        client = self.rig.client()
        client.config_set("maxmemory", client.info("memory")["used_memory"])

    def happened(self):
        def shows():
            refused = sum(self.rig.counter(process, "store_full") for process in self.rig.processes)
            return refused > self.refused or self.said() > 0

        wait.until("a process says that Redis is full", shows, 60, describe=self.rig.site.logs)
        wait_for(8)
        refused = sum(self.rig.counter(process, "store_full") for process in self.rig.processes)
        return f"{refused - self.refused} writes were refused, intake was held {self.said()} times"

    def said(self):
        return sum(process.log.count("Redis is nearly full") for process in self.rig.processes) - self.said_before

    def heal(self):
        self.rig.client().config_set("maxmemory", 0)

    def __init__(self, rig):
        super().__init__(rig)
        self.said_before = 0
        self.said_before = self.said()


class DiskFull(RedisFault):
    name = "Redis has no room on its disk"
    unable = staticmethod(disk.why_not)

    def inject(self):
        self.rig.redis_disk().fill()

    def happened(self):
        def refuses():
            try:
                self.rig.client().set("probe", 1)
            except redis.exceptions.ResponseError as error:
                return str(error)
            return None

        refusal = wait.until("Redis refuses writes", refuses, 60)
        wait_for(8)
        return f"Redis answered {refusal.split('.')[0]!r}"

    def heal(self):
        self.rig.redis_disk().empty()
        wait.until("Redis writes again", lambda: self.rig.client().info("persistence")["aof_last_write_status"] == "ok", 60)
        self.rig.client().delete("probe")


class RedisDoze(RedisFault):
    name = "Redis stands still for 8 s"

    def inject(self):
        signal_service(self.rig.primary, "redis", signal.SIGSTOP)

    def happened(self):
        wait_for(8)
        return "Redis slept"

    def heal(self):
        signal_service(self.rig.primary, "redis", signal.SIGCONT)
