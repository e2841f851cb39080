# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a call's process writes past Python: native code, child processes, other threads.

In: `begin` and `end` around a call, on the main thread. Out: the bytes of descriptors 1 and 2, for the outcome; at the
end they also go where they would have gone. They lie in two files meanwhile, which no writer can fill up and wait for,
as with a pipe whose reader needs the interpreter. After a crash the files are still there: what the process said last.

Only for a process whose descriptors are nobody else's business: one in background. A child that outlives its call goes
on to write into that call's file, and is not heard any more.
"""

import ctypes
import os
import sys
import tempfile

# Read of one descriptor; a call's stream keeps as much (capture.py).
BYTES_MAX = 8 * 1024 * 1024
_NUMBERS = ((1, "stdout"), (2, "stderr"))


class Descriptors:
    """States: idle <-> open, between `begin` and `end`. `folder`: where its files go, else the system's."""

    def __init__(self, folder=None):
        self._folder = folder
        self._open = []  # (number, name, the descriptor as it was, path)
        self._pid = None
        self._flush = _of_c()

    def begin(self):
        self._flush()
        self._pid = os.getpid()
        for number, name in _NUMBERS:
            try:
                made, path = tempfile.mkstemp("." + name, "kapelle-%d-" % self._pid, self._folder)
            except OSError:
                continue  # a full disk: this call's is not kept
            try:
                before = os.dup(number)
                os.dup2(made, number)
                self._open.append((number, name, before, path))
            except OSError:
                _remove(path)  # there is no such descriptor
            finally:
                os.close(made)

    def end(self):
        """{"stdout": bytes, "stderr": bytes}, of what was open. Nothing in a child that a fork made."""
        self._flush()
        opened, self._open = self._open, []
        told = {}
        for number, name, before, path in opened:
            try:
                os.dup2(before, number)
            except OSError:
                pass  # a caller's code has closed it
            if os.getpid() == self._pid:
                told[name] = _read(path)
                _remove(path)
                _pass_on(before, told[name])
            try:
                os.close(before)
            except OSError:
                pass
        return told


def _of_c():
    """What empties the buffers of Python's own files and of C's."""
    try:
        flush = ctypes.CDLL(None).fflush
    except (OSError, TypeError, AttributeError):  # Windows has no such thing as the whole process's names
        flush = None

    def flush_all():
        for one in (sys.__stdout__, sys.__stderr__):
            try:
                one.flush()
            except (OSError, ValueError, AttributeError):
                pass
        if flush is not None:
            flush(None)

    return flush_all


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read(BYTES_MAX)
    except OSError:
        return b""


def _pass_on(descriptor, data):
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        pass  # nobody reads it any more


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass
