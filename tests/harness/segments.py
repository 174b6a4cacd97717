"""The broker's log files as they lie on disk: which transactions are open, how many were aborted.

The test runs the broker itself, so it can look where no client is shown: a batch of record format
v2 says in its attributes whether it belongs to a transaction (bit 4) or is a marker (bit 5); a
marker's key says abort (0) or commit (1). Sources: Kafka's protocol guide, "Record Batch" and
"Control Batch".
"""

import collections
import dataclasses
import pathlib
import struct

from . import wait

BATCH = struct.Struct(">qiibIhiqqqhii")
LENGTH_AT = 12  # the length field counts from the byte after itself
TRANSACTIONAL, CONTROL = 0x10, 0x20


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def marker_is_abort(body):
    """body: the records of a control batch, which has exactly one."""
    _, at = varint(body, 0)
    at += 1
    for _ in range(3):  # timestamp delta, offset delta, key length
        _, at = varint(body, at)
    return struct.unpack_from(">h", body, at + 2)[0] == 0


@dataclasses.dataclass(frozen=True)
class Batch:
    base: int  # first offset
    last: int
    time_ms: int  # of its last record; append time where the topic says so
    producer: int
    epoch: int
    kind: str  # plain, transactional, abort, commit
    end: int  # where in the file the next one begins


def batches(data):
    """The whole batches at the start of a segment file's bytes."""
    at = 0
    while at + BATCH.size <= len(data):
        (base, length, _, magic, _, attributes, last_delta, _, time_ms, producer, epoch, _, count) = BATCH.unpack_from(data, at)
        end = at + LENGTH_AT + length
        if magic != 2 or length <= 0 or end > len(data):
            return
        if attributes & CONTROL and count == 1:
            kind = "abort" if marker_is_abort(data[at + BATCH.size:end]) else "commit"
        else:
            kind = "transactional" if attributes & TRANSACTIONAL else "plain"
        yield Batch(base, base + last_delta, time_ms, producer, epoch, kind, end)
        at = end


def partition_batches(broker_data, topic, partition):
    """All batches of a partition, in order of offset."""
    folder = pathlib.Path(broker_data) / f"{topic}-{partition}"
    return [batch for path in sorted(folder.glob("*.log")) for batch in batches(path.read_bytes())]


class TopicLog:
    """Reads on where it stopped at the last scan()."""

    def __init__(self, broker_data, topic):
        def folders():
            return [path for path in pathlib.Path(broker_data).glob(f"{topic}-*") if path.name[len(topic) + 1:].isdigit()]

        self.folders = wait.until(f"the broker has a folder of {topic} in {broker_data}", folders)
        self.positions = {}
        self.open = {}  # (partition folder, producer id) -> last offset of its open transaction
        self.aborted = collections.Counter()  # (producer id, epoch) -> markers
        self.committed = 0

    def scan(self):
        for folder in self.folders:
            for path in sorted(folder.glob("*.log")):
                self._read(folder.name, path)
        return self

    def _read(self, partition, path):
        position = self.positions.get(path, 0)
        try:
            with open(path, "rb") as file:
                file.seek(position)
                data = file.read()
        except FileNotFoundError:  # trimmed meanwhile
            return
        for batch in batches(data):
            if batch.kind in ("abort", "commit"):
                self.open.pop((partition, batch.producer), None)
                if batch.kind == "abort":
                    self.aborted[batch.producer, batch.epoch] += 1
                else:
                    self.committed += 1
            elif batch.kind == "transactional":
                self.open[partition, batch.producer] = batch.last
            self.positions[path] = position + batch.end
