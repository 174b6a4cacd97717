"""The clock of one process is set while it runs: stepped_clock.c is preloaded into it."""

import os
import pathlib
import shutil
import struct
import subprocess

from faults import Fault
from harness import wait
from rig import wait_for

SOURCE = pathlib.Path(__file__).with_name("stepped_clock.c")


class Clock(Fault):
    group = "clock"
    step_s = 0
    seconds = 0
    monotonic_too = False

    @staticmethod
    def unable():
        return None if shutil.which("cc") else "there is no C compiler"

    def library(self):
        built = self.rig.site.folder / "stepped_clock.so"
        if not built.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", SOURCE, "-o", built], check=True)
        return built

    def set_clock(self, step_s):
        """Overwrites what is mapped: not one instant between two settings is another."""
        file = os.open(self.file, os.O_WRONLY | os.O_CREAT)
        os.pwrite(file, struct.pack("=qq", step_s * 1000, step_s * 1000 if self.monotonic_too else 0), 0)
        os.close(file)

    def inject(self):
        """Starts the process again, in order, with such a clock, and then sets that."""
        self.file = self.rig.site.folder / f"{self.victim.name}.clock"
        self.set_clock(0)
        self.before = self.victim.environment
        self.victim.environment = self.before | {"LD_PRELOAD": str(self.library()), "DECLIC_CLOCK_FILE": str(self.file)}
        assert self.victim.stop() == 0
        self.victim.start()
        self.rig.settle()
        wait_for(2)
        self.steps = self.rig.counter(self.victim, "clock_steps")
        self.set_clock(self.step_s)

    def happened(self):
        if not self.monotonic_too:  # that is not to be told from time going by
            wait.until("the step is noticed", lambda: self.rig.counter(self.victim, "clock_steps") > self.steps, 8,
                       describe=self.victim.log_tail)
        wait_for(self.seconds)
        return f"the clock of {self.victim.name} went {self.step_s:+d} s"

    def heal(self):
        """Back to the right time while it runs, then in order back to a process without such a clock."""
        if not self.monotonic_too:
            self.set_clock(0)
            wait_for(15)
        self.victim.environment = self.before
        # What waits for an instant of a clock that is set back waits the longer; the Kafka client does so at its end.
        assert self.victim.stop(20 + abs(self.step_s)) == 0
        self.victim.start()


class ClockAheadMended(Clock):
    name = "clock 40 s ahead, mended after 4 s"
    step_s, seconds = 40, 2


class ClockBehindMended(Clock):
    name = "clock 40 s behind, mended after 4 s"
    step_s, seconds = -40, 2


class ClockAhead(Clock):
    name = "clock 20 s ahead, believed, then back"
    step_s, seconds, astray_ms = 20, 20, 20000


class ClockBehind(Clock):
    name = "clock 20 s behind, believed, then back"
    step_s, seconds = -20, 20


class BothClocksAhead(Clock):
    name = "wall and monotonic clock 20 s ahead"
    step_s, seconds, astray_ms, monotonic_too = 20, 10, 20000, True
