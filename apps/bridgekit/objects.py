# SPDX-License-Identifier: MIT OR Apache-2.0
"""Cuts a stream of bytes into JSON objects, for dialects that have no frames.

In: bytes as they come, split anywhere. Out: the bytes of each whole object. Where an object ends is told by its
brackets, so bare objects, objects with NUL and objects with LF between them are all read alike; `terminator` is what
the peer put behind its last one, and belongs behind the answer.

States: between objects (white space and terminators pass, anything but `{` ends the stream), or inside one. A stream
is never searched for a place to go on.
"""

import re

from .frames import FRAME_BYTES_MAX, FrameError

# Levels of brackets in one message.
DEPTH_MAX = 200

_MARK = re.compile(rb'["{}\[\]]')
# The rest of a text up to its closing quote, whole escapes only.
_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BETWEEN = b" \t\r\n\0"


class ObjectReader:
    def __init__(self, bytes_max=FRAME_BYTES_MAX):
        self.terminator = b""
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._at = 0  # up to here the object is scanned
        self._depth = 0
        self._in_text = False

    def feed(self, data):
        """The whole objects that these bytes complete. Raises FrameError `object`, and then the stream is over."""
        self._buffer += data
        found = []
        while True:
            if not self._depth and not self._begin():
                break
            if not self._scan():
                break
            found.append(bytes(self._buffer[: self._at]))
            del self._buffer[: self._at]
            self._at = 0
        if len(self._buffer) > self._bytes_max:
            raise FrameError("object", f"a message exceeds {self._bytes_max >> 20} MiB")
        return found

    def _begin(self):
        """Drops what may stand between objects. False when nothing is left."""
        skip = 0
        for byte in self._buffer:
            if byte not in _BETWEEN:
                break
            if byte in b"\0\n":
                self.terminator = bytes((byte,))
            skip += 1
        del self._buffer[:skip]
        if not self._buffer:
            return False
        if self._buffer[0] != 0x7B:
            raise FrameError("object", "a message does not start with {")
        return True

    def _scan(self):
        """Goes on to the end of the object. False when it is not here yet."""
        buffer = self._buffer
        while self._at < len(buffer):
            if self._in_text:
                self._at = _TEXT.match(buffer, self._at).end()
                if self._at == len(buffer) or buffer[self._at] != 0x22:
                    return False  # the rest of the text, or of an escape, is to come
                self._at += 1
                self._in_text = False
                continue
            mark = _MARK.search(buffer, self._at)
            if mark is None:
                self._at = len(buffer)
                return False
            self._at = mark.end()
            byte = buffer[mark.start()]
            if byte == 0x22:
                self._in_text = True
            elif byte in b"{[":
                self._depth += 1
                if self._depth > DEPTH_MAX:
                    raise FrameError("object", f"a message has more than {DEPTH_MAX} levels")
            else:
                self._depth -= 1
                if self._depth == 0:
                    return True
        return False
