"""Kafka as an outsider sees it: make topics, put records in, read what came out."""

import dataclasses
import json
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from . import wait

# Services are killed on purpose; lost connections are no news, and are made again soon.
QUIET = {"log_level": 2, "reconnect.backoff.max.ms": 500}


@dataclasses.dataclass
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: dict
    timestamp_ms: int
    seen_ms: int

    @property
    def json(self):
        return json.loads(self.value)

    def header(self, name):
        value = self.headers.get(name)
        return None if value is None else value.decode()


class Topics:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, "acks": "all", **QUIET,
                                  "enable.idempotence": True, "queue.buffering.max.messages": 500000})

    def create(self, name, partitions=2, config=None):
        """Again while the controller counts no broker as living: on a busy machine it misses heartbeats."""
        def made():
            try:
                self.admin.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result(60)
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.INVALID_REPLICATION_FACTOR:
                    raise
                return False
            return True

        wait.until(f"topic {name} is made", made, every=0.5)
        wait.until(f"topic {name} is there", lambda: name in self.names())

    def add_partitions(self, name, partitions):
        self.admin.create_partitions([NewPartitions(name, partitions)])[name].result(60)

    def names(self):
        return self.admin.list_topics(timeout=60).topics

    def partitions(self, name):
        return len(self.admin.list_topics(name, timeout=60).topics[name].partitions)

    def put(self, topic, key, value, headers=None, timestamp_ms=None, on_delivery=None):
        """Queues one record; value may be bytes, None or something for json.dumps. flush() waits for all."""
        if value is not None and not isinstance(value, (bytes, str)):
            value = json.dumps(value, separators=(",", ":"))
        more = {} if timestamp_ms is None else {"timestamp": timestamp_ms}
        while True:
            try:
                self.producer.produce(topic, key=key, value=value, headers=headers, on_delivery=on_delivery, **more)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def flush(self, seconds=60):
        left = self.producer.flush(seconds)
        assert left == 0, f"{left} records of the test were not acknowledged within {seconds} s"

    def reader(self, topic, committed=True):
        return Reader(self.bootstrap, topic, committed)


class Reader:
    """Reads all partitions of a topic from the beginning, under read_committed unless told otherwise."""

    def __init__(self, bootstrap, topic, committed=True):
        self.topic = topic
        self.records = []
        self.ended = set()  # partitions that were read to their end
        self.consumer = Consumer({
            "bootstrap.servers": bootstrap,
            "group.id": f"test-reader-{time.monotonic_ns()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "fetch.wait.max.ms": 20,
            "enable.partition.eof": True,
            **QUIET,
        })
        found = self.consumer.list_topics(topic, timeout=60).topics[topic].partitions
        assert found, f"topic {topic} is missing"
        self.partitions = set(found)
        self.consumer.assign([TopicPartition(topic, partition, 0) for partition in found])

    def poll(self, seconds=0.2):
        """Takes what has come, waiting at most that long for the first record."""
        fresh = []
        for message in self.consumer.consume(num_messages=2000, timeout=seconds):
            if message.error():
                if message.error().code() == KafkaError._PARTITION_EOF:
                    self.ended.add(message.partition())
                elif message.error().code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE):
                    raise RuntimeError(str(message.error()))
                continue
            fresh.append(Record(
                message.topic(), message.partition(), message.offset(), message.key(), message.value(),
                dict(message.headers() or []), message.timestamp()[1], int(time.time() * 1000)))
        self.records += fresh
        return fresh

    def wait(self, count, seconds=60.0, what=None):
        """Waits until that many records are there, and returns all."""
        deadline = time.monotonic() + seconds
        while len(self.records) < count and time.monotonic() < deadline:
            self.poll()
        assert len(self.records) >= count, (
            f"{what or f'{count} records in {self.topic}'}: {len(self.records)} after {seconds:g} s: "
            f"{[record.value for record in self.records][:20]}")
        return self.records

    def none_for(self, seconds):
        """Nothing more may come in that time."""
        before = len(self.records)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.poll(0.1)
        more = self.records[before:]
        assert not more, f"{len(more)} unexpected records in {self.topic}: {[r.value for r in more][:5]}"

    def drain(self, quiet_seconds=2.0, seconds=120.0):
        """Reads to the end of each partition, and on until nothing has come for that long."""
        deadline = time.monotonic() + seconds
        last = time.monotonic()
        while self.ended != self.partitions or time.monotonic() - last < quiet_seconds:
            assert time.monotonic() < deadline, f"{self.topic} was not read to its end within {seconds:g} s"
            if self.poll(0.1) or self.ended != self.partitions:
                last = time.monotonic()
        return self.records

    def close(self):
        self.consumer.close()
