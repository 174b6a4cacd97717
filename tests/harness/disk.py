"""A file system of a test's own that can be full: a tmpfs whose size is taken down to what is used."""

import os
import pathlib
import subprocess

ROOMY = "3g"  # a limit, not a reservation
SPARE = 1 << 18  # who else writes meanwhile may have this much: a size below what is used is refused


def why_not():
    """Why no such disk can be made here; None when it can."""
    return None if os.geteuid() == 0 else "only root may mount a file system"


class Disk:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", self.folder)

    def _mount(self, *arguments):
        subprocess.run(["mount", *arguments], check=True)

    def _resize(self, size):
        self._mount("-o", f"remount,size={size}", self.folder)

    @property
    def free_bytes(self):
        about = os.statvfs(self.folder)
        return about.f_bavail * about.f_frsize

    def fill(self):
        """Who writes to it gets ENOSPC, after a few more KiB at most."""
        about = os.statvfs(self.folder)
        self._resize((about.f_blocks - about.f_bfree) * about.f_frsize + SPARE)
        assert self.free_bytes <= SPARE

    def empty(self):
        """There is room again; what was on it stays."""
        self._resize(ROOMY)

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
