"""What is kept of a run in which something was wrong: for each user concerned all that the topics hold of him.

    timeline.txt      the faults and the findings
    USER.txt          his events, decisions, messages, and the journal's blocks that name him, by time; of a block,
                      whether it lies in a transaction that was committed, aborted or never ended
    services/         the logs of the broker and of Redis; those of the processes lie beside the configuration
"""

import shutil
import time

from harness.segments import partition_batches

USERS = 20


def stamp(at_ms):
    return time.strftime("%H:%M:%S", time.gmtime(at_ms / 1000)) + f".{at_ms % 1000:03d}"


class Outcomes:
    """How the transaction ended that an offset of the journal lies in."""

    def __init__(self, rig):
        self.rig = rig
        self.partitions = {}

    def of(self, partition, offset):
        if partition not in self.partitions:
            self.partitions[partition] = partition_batches(self.rig.services.broker_data, self.rig.site.prefix + "journal", partition)
        batches = self.partitions[partition]
        mine = next((batch for batch in batches if batch.base <= offset <= batch.last), None)
        if mine is None or mine.kind != "transactional":
            return "plain" if mine else "not in the files"
        ends = [batch for batch in batches if batch.producer == mine.producer and batch.base > mine.last
                and batch.kind in ("commit", "abort")]
        return f"producer {mine.producer} epoch {mine.epoch}, {ends[0].kind} at {ends[0].base}" if ends else "never ended"


def readable(value):
    """A block's bytes, with what is text in them."""
    return "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in value or b"")


def around(value, names, margin=300):
    """The parts of a block that name him."""
    parts = []
    for name in names:
        at = value.find(name)
        while at >= 0:
            parts.append(readable(value[max(0, at - margin):at + margin]))
            at = value.find(name, at + margin)
    return " … ".join(parts)


def keep(rig, folder, verdict, windows):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "timeline.txt", "w") as out:
        for window in windows:
            out.write(f"{stamp(window.began_ms)} {window.name}: {window.text} (back from {stamp(window.back_from_ms)}, "
                      f"settled {stamp(window.settled_ms)})\n")
        for finding in verdict.findings:
            out.write(f"{finding}, due {stamp(finding.due_ms)}\n")
        for event in verdict.slow_intake():
            out.write(f"slow intake: {event}, acknowledged {stamp(event.acked_ms)}, in the journal {stamp(event.arrived_ms)}\n")
    users = list(dict.fromkeys(finding.user for finding in verdict.findings))[:USERS]
    lines = {user: [] for user in users}
    _note_topics(rig, lines, verdict)
    for user, entries in lines.items():
        (folder / f"{user}.txt").write_text("\n".join(f"{stamp(at)} {text}" for at, text in sorted(entries)) + "\n")
    for services in (rig.services, rig.standby):
        for log in [*services.folder.glob("*/*.log"), *services.folder.glob("*/*.log.before")]:
            kept = folder / "services" / f"{services.folder.name}-{log.parent.name}-{log.name}"
            kept.parent.mkdir(exist_ok=True)
            shutil.copy(log, kept)
    return folder


def _note_topics(rig, lines, verdict):
    by_key = {user.encode(): user for user in lines}
    for event in verdict.events:
        if event.user in lines:
            lines[event.user].append((event.acked_ms, f"source acknowledged {event.name} {event.id} of {stamp(event.time_ms)} {event.attributes}"))
    if not lines:
        return
    for name in ("decisions", "out.push", "out.email"):
        for record in rig.site.reader(name).drain(2, 60):
            if record.key in by_key:
                lines[by_key[record.key]].append((record.timestamp_ms, f"{name} {record.partition}/{record.offset} {record.value.decode()}"))
    outcomes = Outcomes(rig)
    named = {user: [user.encode(), *{finding.place.split(" ")[2].encode() for finding in verdict.findings if finding.user == user}]
             for user in lines}
    for record in rig.site.reader("journal", committed=False).drain(2, 60):
        for user, names in named.items():
            if found := around(record.value or b"", names):
                lines[user].append((record.timestamp_ms, f"journal {record.partition}/{record.offset} "
                                    f"({outcomes.of(record.partition, record.offset)}) {found}"))
