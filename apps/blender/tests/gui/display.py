# SPDX-License-Identifier: MIT OR Apache-2.0
"""A screen that nobody sees: Xvfb, and pictures of it.

In: a size. Out: a display's name for a program's environment, and PNG files of the whole screen. Xvfb keeps its screen
in a file (`-fbdir`), in the format of xwd, so that a picture needs no other program and also comes out while the
program on the screen does nothing.
"""

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

XVFB = "Xvfb"
START_S = 30
# xwd's header: 25 numbers of 32 bits, then a name.
_HEAD = struct.Struct(">25I")


class Display:
    """One Xvfb. `name` is what DISPLAY must be. Use it with `with`, or `close` it."""

    def __init__(self, width=1280, height=800):
        self.folder = tempfile.mkdtemp(prefix="kapelle-screen-")
        read, write = os.pipe()
        screen = "%dx%dx24" % (width, height)
        command = [XVFB, "-displayfd", str(write), "-screen", "0", screen, "-fbdir", self.folder, "-nolisten", "tcp"]
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self._process = subprocess.Popen(
                command, pass_fds=[write], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()  # its end when Xvfb dies
        if not number:
            said = Path(self.folder, "log").read_text("utf-8", "replace")
            self.close()
            raise AssertionError("Xvfb did not start:\n" + said)
        self.name = ":" + number

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def pixels(self):
        """(width, height, RGB bytes) of what the screen shows now."""
        return _read(Path(self.folder, "Xvfb_screen0").read_bytes())

    def close(self):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(START_S)
        shutil.rmtree(self.folder, ignore_errors=True)


def missing():
    """What is not there, as a sentence, or None."""
    return None if shutil.which(XVFB) else "there is no Xvfb (Debian: xvfb)"


def _read(data):
    head = _HEAD.unpack_from(data)
    size, width, height, bits, line, colours = head[0], head[4], head[5], head[11], head[12], head[19]
    assert bits == 32 and head[7] == 0, "a screen of 24 bits, least significant byte first"
    start = size + colours * 12
    rows = bytearray(width * height * 3)
    for row in range(height):
        pixels = data[start + row * line : start + row * line + width * 4]
        at, end = row * width * 3, (row + 1) * width * 3
        rows[at:end:3], rows[at + 1 : end : 3], rows[at + 2 : end : 3] = pixels[2::4], pixels[1::4], pixels[0::4]
    return width, height, bytes(rows)


def png(width, height, rgb):
    """A PNG file's bytes."""
    lines = b"".join(b"\0" + rgb[row * width * 3 : (row + 1) * width * 3] for row in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
