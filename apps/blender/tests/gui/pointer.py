# SPDX-License-Identifier: MIT OR Apache-2.0
"""A mouse for a test: moves and clicks on an X display as a person would, by the XTEST extension.

In: a display's name and points in pixels from the top left. It speaks X's protocol itself, in the four requests that
this takes, so that no further program is needed.
"""

import socket
import struct

_MOTION, _PRESS, _RELEASE = 6, 4, 5
LEFT = 1


class Pointer:
    """One connection to the display, which must be on this machine and ask for no password. `close` it."""

    def __init__(self, display):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect("/tmp/.X11-unix/X" + display.lstrip(":"))
        self._socket.settimeout(10)
        self._socket.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        head = self._hear(8)
        setup = self._hear(struct.unpack_from("<H", head, 6)[0] * 4)
        assert head[0] == 1, "the X server refused: %r" % setup
        name = b"XTEST"
        self._socket.sendall(struct.pack("<BxHHxx", 98, 2 + (len(name) + 3) // 4, len(name)) + name.ljust(8, b"\0"))
        told = self._hear(32)
        assert told[8], "the X server has no XTEST"
        self._opcode = told[9]

    def move(self, x, y):
        self._fake(_MOTION, 0, x, y)

    def click(self):
        """Presses the left button where it is and lets it go."""
        self._fake(_PRESS, LEFT)
        self._fake(_RELEASE, LEFT)

    def close(self):
        self._socket.close()

    def _fake(self, kind, detail, x=0, y=0):
        request = struct.pack("<BBHBBxxIIxxxxxxxxhhxxxxxxxx", self._opcode, 2, 9, kind, detail, 0, 0, x, y)
        assert len(request) == 36
        self._socket.sendall(request)
        # A question whose answer says that what came before was taken: GetInputFocus.
        self._socket.sendall(struct.pack("<BxH", 43, 1))
        while True:
            told = self._hear(32)
            assert told[0] != 0, "the X server refused a click: error %d" % told[1]
            if told[0] == 1:
                return

    def _hear(self, size):
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            assert more, "the X server went away"
            data += more
        return data
