# SPDX-License-Identifier: MIT OR Apache-2.0
"""A machine in the test's hands: its wall's clock jumps and its disk is slow, full or broken, while programs run on it.

In: programs that are started with `environment` (a hub and with it its Blenders, say), and what a test sets. Out: what
those programs see (machine.c, compiled here). The test itself lives by the true clock.
"""

import errno
import mmap
import os
import struct
import subprocess
import sys
from pathlib import Path

DAY_S = 24 * 3600
# `struct state` of machine.c.
FORM = struct.Struct("=qqqqii1024s")
NAMES = ("ahead_ns", "sync_ns", "syncs", "synced", "write_error", "sync_error", "folder")
OFFSETS = dict(zip(NAMES, (0, 8, 16, 24, 32, 36, 40)))
KINDS = dict(dict.fromkeys(NAMES[:4], "=q"), **dict.fromkeys(NAMES[4:6], "=i"))


def compiled(folder):
    """The library for LD_PRELOAD, or a sentence that says what is missing."""
    library = Path(folder) / "machine.so"
    source = Path(__file__).with_name("machine.c")
    command = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    if not sys.platform.startswith("linux"):
        return "a program's clock can be made to jump on Linux only"
    command += ["-o", str(library), str(source), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "a C compiler is needed to make a program's clock jump"
    assert done.returncode == 0, done.stderr
    return library


class Machine:
    """`folder` is where the disk's faults are; `state` a place for the file that programs look at."""

    def __init__(self, library, state, folder):
        state.write_bytes(FORM.pack(0, 0, 0, 0, 0, 0, os.fsencode(folder)))
        with open(state, "r+b") as out:
            self._state = mmap.mmap(out.fileno(), FORM.size)
        self.environment = {"LD_PRELOAD": str(library), "MACHINE_STATE": str(state)}

    def _set(self, name, value):
        struct.pack_into(KINDS[name], self._state, OFFSETS[name], value)

    def _get(self, name):
        return struct.unpack_from(KINDS[name], self._state, OFFSETS[name])[0]

    def jump(self, seconds):
        """The wall's clock is so far before the true one from now on."""
        self._set("ahead_ns", seconds * 1_000_000_000)

    def slow_down(self, seconds):
        """So much longer does every fsync take, those that are under way too."""
        self._set("sync_ns", int(seconds * 1_000_000_000))

    @property
    def syncs(self):
        """How many fsyncs have begun."""
        return self._get("syncs")

    @property
    def synced(self):
        """How many have ended."""
        return self._get("synced")

    def fill_up(self):
        """Nothing can be written any more: no space left on device."""
        self._set("write_error", errno.ENOSPC)

    def break_syncs(self):
        """What is written may never have come to the disk: input/output error."""
        self._set("sync_error", errno.EIO)

    def mend(self):
        """The clock is right, and the disk quick and with room."""
        for name in ("ahead_ns", "sync_ns", "write_error", "sync_error"):
            self._set(name, 0)
