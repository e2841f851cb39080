# SPDX-License-Identifier: MIT OR Apache-2.0
"""What goes out on one connection: sent at once where the socket takes it, else in order behind what waits.

In: frames. It never blocks: `flush` sends what the socket takes. Any thread may send, under the link's
lock; it is the main thread that sends most, so that an outcome needs no hand-over between threads.

It knows whether the other side lives as long as a large frame keeps its answers away: by `alive_at`, when it was last
heard or last took something out of a full socket, and `unanswered`, what it was sent since it was heard.
"""

import ctypes
import select
import socket
import sys
import time
from collections import deque

# Frames up to so many bytes are handed to the system without letting go of the interpreter: that takes it some
# microseconds, less than to get the interpreter back from the thread that takes it then.
SMALL_BYTES = 16 * 1024


class Sender:
    """`sock` is a non-blocking socket. Methods raise OSError when the connection is gone."""

    def __init__(self, sock):
        self._sock = sock
        self._waiting = deque()  # frames, each a list of views
        self._begun = False  # whether the first one is partly sent
        self._is_full = False  # whether the socket took no more the last time
        self.alive_at = time.monotonic()
        self.unanswered = 0  # bytes

    def send(self, *parts):
        """Sends one frame, given in parts; what the socket does not take waits. True when nothing waits."""
        if not self._waiting and len(parts) == 1:
            data = parts[0]
            try:
                sent = _send_small(self._sock, data) if len(data) <= SMALL_BYTES else self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            self.unanswered += sent
            if sent == len(data):
                return True
            self._waiting.append([memoryview(data)[sent:]])
            self._begun, self._is_full = sent > 0, True
            return False
        self._waiting.append([memoryview(part) for part in parts if len(part)])
        return self.flush()

    def send_first(self, frame):
        """Sends a frame before those that wait, but not in the middle of one: for beats."""
        if not self._waiting:
            return self.send(frame)
        self._waiting.insert(1 if self._begun else 0, [memoryview(frame)])
        return self.flush()

    def flush(self):
        """Sends what the socket takes now. True when nothing waits."""
        waiting, was_full = self._waiting, self._is_full
        try:
            while waiting:
                frame = waiting[0]
                while frame:
                    sent = self._sock.send(frame[0])
                    self._begun = True
                    self.unanswered += sent
                    if was_full:
                        self.alive_at = time.monotonic()
                    if sent < len(frame[0]):
                        frame[0] = frame[0][sent:]
                    else:
                        del frame[0]
                waiting.popleft()
                self._begun = False
        except (BlockingIOError, InterruptedError):
            self._is_full = True
            return False
        self._is_full = False
        return True

    def heard(self):
        """Something came from the other side."""
        self.alive_at = time.monotonic()
        self.unanswered = 0

    def waits(self):
        """Whether anything waits for the socket."""
        return bool(self._waiting)

    def wait(self, seconds):
        """Waits until the socket takes more, at most that long. Outside the link's lock."""
        try:
            if hasattr(select, "poll"):  # select() takes no descriptor beyond 1,023
                poll = select.poll()
                poll.register(self._sock, select.POLLOUT)
                poll.poll(max(0, int(seconds * 1000)) + 1)
            else:
                select.select([], [self._sock], [], max(0.0, seconds))
        except (OSError, ValueError):
            pass  # closed meanwhile; the next send says so


def _keeping_the_interpreter():
    """A function (sock, data) -> bytes taken, or None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    function = ctypes.PyDLL(None).send
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    function.restype = ctypes.c_ssize_t
    flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL

    def send(sock, data):
        sent = function(sock.fileno(), data, len(data), flags)
        return sent if sent >= 0 else sock.send(data)  # which says what is wrong

    return send


_send_small = _keeping_the_interpreter() or socket.socket.send
