"""Faults of the network between one process and one service."""

from faults import Fault
from rig import wait_for


class Network(Fault):
    group = "network"
    service = ""
    what = ""
    seconds = 12
    arguments = ()

    def link(self):
        return f"{self.service}{self.rig.number(self.victim)}"

    def inject(self):
        self.before = self.rig.links.touched(self.link())
        getattr(self.rig.links, self.what)(self.link(), *self.arguments)

    def happened(self):
        wait_for(self.seconds)
        touched = self.rig.links.touched(self.link()) - self.before
        assert touched > 0, "nothing was on its way"
        return f"{self.victim.name}: {touched} connections or pieces were hit"

    def heal(self):
        self.rig.links.mend(self.link())


class KafkaCut(Network):
    name = "a process cut off from Kafka for 12 s"
    service, what = "kafka", "cut"


class KafkaStall(Network):
    name = "Kafka's network swallows all for 12 s"
    service, what = "kafka", "stall"


class KafkaBlink(Network):
    name = "Kafka's network swallows all for 3 s"
    service, what, seconds = "kafka", "stall", 3


class KafkaSlow(Network):
    name = "Kafka's network is slow by 300 ms"
    service, what, arguments = "kafka", "delay", (300,)


class RedisCut(Network):
    name = "a process cut off from Redis for 8 s"
    service, what, seconds = "redis", "cut", 8


class RedisStall(Network):
    name = "Redis's network swallows all for 8 s"
    service, what, seconds = "redis", "stall", 8


class RedisSlow(Network):
    name = "Redis's network is slow by 200 ms"
    service, what, arguments = "redis", "delay", (200,)
