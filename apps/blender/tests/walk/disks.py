# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real small disks: a tmpfs of a given size, for root; and what takes all the room on one."""

import os
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(place, room):
    """`place` as a disk with so many bytes. Skips where nobody may mount one."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=%d,mode=0700" % room, "kapelle-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(folder):
    """Takes all the room that is left; returns the file that has it."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as out:
        try:
            while True:
                out.write(b"\0" * 4096)
        except OSError:
            pass
    return ballast
