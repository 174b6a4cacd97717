"""What is done to the deployment, one class a fault; ALL lists them.

A fault injects, shows that it really happened, and heals. From `struck_ms`, or else from the moment at
which it is healed, Declic has its fifteen seconds to be back. `unable` says why a fault cannot be done on
this machine. `astray_ms`: the clock of a process is wrong by so much, so that its sends may be early by as much.
"""

import os
import signal

from harness import disk, wait
from harness.site import now_ms
from rig import wait_for


class Fault:
    name = ""
    group = ""
    astray_ms = 0

    def __init__(self, rig):
        self.rig = rig
        self.victim = rig.any_process()
        self.struck_ms = None

    @staticmethod
    def unable():
        return None

    def inject(self):
        raise NotImplementedError

    def happened(self):
        """Waits until it shows, says how; raises AssertionError when it does not."""
        raise NotImplementedError

    def heal(self):
        pass


class Kill(Fault):
    name = "kill -9, and started again"
    group = "process"

    def inject(self):
        self.victim.kill()
        self.struck_ms = now_ms()
        self.rig.kills[self.victim.name] += 1

    def happened(self):
        assert self.victim.process.returncode == -signal.SIGKILL
        wait_for(self.rig.chance.uniform(0, 2))
        return f"{self.victim.name} was killed"

    def heal(self):
        self.victim.start()


class KillInTransaction(Kill):
    name = "kill -9 inside an open transaction"

    def inject(self):
        self.partitions = self.rig.stop_inside_transaction(self.victim)
        super().inject()

    def happened(self):
        assert self.partitions > 0, "it never stood inside a transaction: is there load?"
        return f"{super().happened()} inside a transaction over {self.partitions} partitions"


class KillAndTakeOver(Kill):
    name = "kill -9, the other takes over"

    def happened(self):
        self.rig.wait_takes_all(self.rig.other(self.victim))
        return f"{super().happened()}; the other fired all partitions after {now_ms() - self.struck_ms} ms"


class KillBoth(Kill):
    name = "kill -9 of both, in turn, six times"

    def happened(self):
        for _ in range(5):
            wait_for(self.rig.chance.uniform(0.5, 4))
            super().heal()
            wait_for(self.rig.chance.uniform(0, 2))
            self.victim = self.rig.other(self.victim)
            self.inject()
        return "both were killed, one after the other"

    def heal(self):
        for process in self.rig.processes:
            if not process.running:
                process.start()


class Zombie(Fault):
    name = "SIGSTOP past all time-outs, then awake"
    group = "process"
    seconds = 22  # session 6 s, transaction 4 s and the broker's sweep of up to 10 s

    def inject(self):
        self.stopped_ms = now_ms()
        self.partitions = self.rig.stop_inside_transaction(self.victim)

    def happened(self):
        self.rig.wait_takes_all(self.rig.other(self.victim))
        wait_for(max(0, self.seconds - (now_ms() - self.stopped_ms) / 1000))
        assert self.victim.running
        return f"{self.victim.name} slept inside a transaction over {self.partitions} partitions while the other fired all"

    def heal(self):
        self.victim.signal(signal.SIGCONT)


class ProcessDoze(Fault):
    name = "SIGSTOP for 3 s"
    group = "process"

    def inject(self):
        self.partitions = self.rig.stop_inside_transaction(self.victim)

    def happened(self):
        wait_for(3)
        return f"{self.victim.name} slept inside a transaction over {self.partitions} partitions"

    def heal(self):
        self.victim.signal(signal.SIGCONT)


class ComeAndGo(Fault):
    name = "SIGTERM, processes come and go"
    group = "process"

    def inject(self):
        """A third one joins, then each in turn leaves in order and comes back."""
        self.guest = self.rig.site.processor("guest").start()
        self.guest.wait_ready(120)
        self.codes = []
        for process in self.rig.processes:
            self.codes.append(process.stop())
            process.start()
            wait_for(self.rig.chance.uniform(0, 3))

    def happened(self):
        assert self.codes == [0, 0], f"exit codes after SIGTERM: {self.codes}"
        return "each left with exit code 0 and came back"

    def heal(self):
        assert self.guest.stop() == 0
        self.rig.site.processors.remove(self.guest)


class BrokerKill(Fault):
    name = "broker killed and started"
    group = "broker"

    def inject(self):
        self.before = self.rig.services.pid("kafka")
        self.rig.services.kill("kafka")

    def happened(self):
        return "the broker was killed"

    def heal(self):
        self.rig.services.start("kafka")
        assert self.rig.services.pid("kafka") != self.before


class BrokerRestart(BrokerKill):
    name = "broker restarted in order"

    def inject(self):
        self.before = self.rig.services.pid("kafka")
        self.rig.services.stop("kafka")


class BrokerDoze(Fault):
    name = "broker stands still for 12 s"
    group = "broker"

    def inject(self):
        signal_service(self.rig.services, "kafka", signal.SIGSTOP)

    def happened(self):
        wait_for(12)
        return "the broker slept"

    def heal(self):
        signal_service(self.rig.services, "kafka", signal.SIGCONT)


class JournalDiskFull(Fault):
    name = "the journal has no room on its disk"
    group = "broker"
    unable = staticmethod(disk.why_not)

    def inject(self):
        self.rig.disks["kafka"].fill()

    def happened(self):
        """A broker ends when the only disk that it has cannot be written."""
        wait.until("the broker gave up", lambda: not self.rig.services.alive("kafka"), 60)
        wait_for(5)
        return "the broker ended for want of room"

    def heal(self):
        self.rig.disks["kafka"].empty()
        self.rig.services.start("kafka")


def signal_service(services, name, number):
    os.kill(services.pid(name), number)
