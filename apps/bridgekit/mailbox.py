# SPDX-License-Identifier: MIT OR Apache-2.0
"""What one thread waits for, from any other: a queue whose time limit goes by the clock that only runs.

A limit on a lock, and so on every queue of Python, goes by the wall's clock up to Python 3.8, on macOS, and where
Python was built for a glibc before 2.30 (Blender's own builds for Linux are): when that clock is set back by a day
meanwhile, a wait of half a second takes a day longer. For sockets the system waits by a clock of its own; Windows does
so for locks too.

In: `put` from any thread, or from a signal's handler. Out: `get`, for one thread alone. A caller's code may close the
sockets or give their numbers to something else: then they are made anew, and what has the numbers is left alone.
"""

import os
import queue
import select
import socket
import time

from . import fork

try:
    import fcntl
except ImportError:  # Windows, where no sockets are needed
    fcntl = None

# How often it looks where no socket can be had.
LOOK_S = 0.05
# Numbers of its sockets: beyond those that a program has open as a rule, below what systems allow at least (256).
NUMBER_MIN = 200


class Mailbox:
    def __init__(self):
        self._items = queue.SimpleQueue()
        self._waits = False
        self._sockets = ()  # what `get` waits for, and what `put` writes to
        self._marks = ()  # by what the system knows them
        fork.watch(self)

    def put(self, item):
        self._items.put(item)
        if self._waits:
            self._ring()

    def get(self, seconds=None):
        """The next one. Raises queue.Empty when `seconds` are over; None waits for as long as it takes."""
        if seconds is None:
            return self._items.get()
        if not hasattr(select, "poll"):
            return self._items.get(True, seconds)
        try:
            return self._items.get_nowait()
        except queue.Empty:
            if seconds <= 0:
                raise
        self._waits = True
        try:
            return self._wait(time.monotonic() + seconds)
        finally:
            self._waits = False

    def _wait(self, end):
        while True:
            is_ready = self._make_ready()
            try:
                return self._items.get_nowait()  # what comes from here on rings
            except queue.Empty:
                left = end - time.monotonic()
                if left <= 0:
                    raise
            if not is_ready:
                time.sleep(min(left, LOOK_S))
                continue
            poll = select.poll()
            try:
                poll.register(self._sockets[0], select.POLLIN)
                poll.poll(int(left * 1000) + 1)
            except (OSError, ValueError):
                pass  # closed just now: others are made

    def _ring(self):
        try:
            _waiting, ringing = self._sockets
            if _mark(ringing) == self._marks[1]:
                ringing.send(b".")
        except (OSError, ValueError):
            pass  # full, and so heard; or just being made

    def _make_ready(self):
        """Sockets that are ours, with nothing in them. False when there are none to be had."""
        if not (self._sockets and self._drained()):
            self._let_go()
            try:
                made = tuple(map(_out_of_the_way, socket.socketpair()))
            except OSError:
                return False
            for one in made:
                one.setblocking(False)
            self._sockets, self._marks = made, tuple(map(_mark, made))
        return True

    def _drained(self):
        try:
            if tuple(map(_mark, self._sockets)) != self._marks:
                return False
            while self._sockets[0].recv(4096):
                pass
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def _let_go(self):
        sockets, marks, self._sockets = self._sockets, self._marks, ()
        for one, mark in zip(sockets, marks):
            try:
                if _mark(one) == mark:
                    one.close()
            except OSError:
                pass
            one.detach()

    def close(self):
        """On the thread that waited, when it waits no more. What is put from then on is never read."""
        self._let_go()

    def after_fork_in_child(self):
        """The parent's thread waits for these."""
        self._waits = False
        self._let_go()


def _out_of_the_way(sock):
    """The same under a high number. Code that closes every descriptor leaves low ones to be given away, which the link
    still takes for its connection until it finds that gone."""
    try:
        number = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, NUMBER_MIN)
    except OSError:
        return sock  # there are not so many
    with sock:
        return socket.socket(fileno=number)


def _mark(sock):
    told = os.fstat(sock.fileno())
    return told.st_dev, told.st_ino
