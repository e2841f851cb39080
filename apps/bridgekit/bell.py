# SPDX-License-Identifier: MIT OR Apache-2.0
"""Gets the main thread out of a wait inside Python's own C code: time.sleep, a lock, a child process.

A shot (interrupt.py) lands at the next bytecode, and a thread that sleeps executes none. On POSIX a
signal ends the wait, and its handler, which Python runs on the main thread, raises there. The signal is
SIGURG: ignored by default, so a stray one does no harm. It is sent only to a call that has been shot at
and still runs. C code of others (a renderer, numpy) is not stopped by it.

Where there are no such signals, where somebody else uses SIGURG, or where calls do not run on the
process's main thread, nothing is done and the wait goes on to its end.
"""

import signal
import threading

_NUMBER = getattr(signal, "SIGURG", None)


class Bell:
    """`land()` is called on the main thread when it rang; it raises, or not."""

    def __init__(self, land):
        self._land = land
        self._thread = None
        self._before = None

    def install(self):
        """On the thread that runs calls."""
        if _NUMBER is None or not hasattr(signal, "pthread_kill"):
            return
        if threading.current_thread() is not threading.main_thread():
            return
        self._before = signal.getsignal(_NUMBER)
        if self._before not in (signal.SIG_DFL, signal.SIG_IGN):
            return
        signal.signal(_NUMBER, self._heard)
        self._thread = threading.get_ident()

    def ring(self):
        """From any thread. False when there is no bell here."""
        if self._thread is None or signal.getsignal(_NUMBER) != self._heard:
            return False
        signal.pthread_kill(self._thread, _NUMBER)
        return True

    def remove(self):
        """On the main thread; elsewhere it stays, and does nothing without a window."""
        if self._thread is None or threading.current_thread() is not threading.main_thread():
            return
        self._thread = None
        if signal.getsignal(_NUMBER) == self._heard:
            signal.signal(_NUMBER, self._before)

    def _heard(self, number, frame):
        self._land()
