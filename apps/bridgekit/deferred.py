# SPDX-License-Identifier: MIT OR Apache-2.0
"""Worker threads for calls that have left the main thread.

In: a call and its `Deferred`. Out: `finish(call, ended)`, once. Cancelling is cooperative here: the call's
`on_cancel` and `cancelled`. What does not come back in time is given up by the watchdog; its thread
stays taken until it returns.
"""

import queue
import threading

from . import fork
from .convert import convert
from .kapelle_module import RUNNING
from .problem import Problem
from .tracebacks import format_error, message_of

# Threads; what is deferred mostly waits for a child process.
WORKERS_MAX = 4
# A deferred call that does not return this long after its cancel is given up.
GRACE_S = 5.0

_END = object()


class Workers:
    """Threads start when they are needed and stay."""

    def __init__(self, finish):
        self._finish = finish
        self._queue = queue.SimpleQueue()
        self._threads = 0
        self._busy = 0
        self._lock = threading.Lock()

    def run(self, call, deferred):
        """Queues it. Called on the main thread; the number of calls at the bridge bounds the queue."""
        with self._lock:
            self._busy += 1
            if self._busy > self._threads and self._threads < WORKERS_MAX:
                self._threads += 1
                name = f"kapelle-worker-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._queue.put((call, deferred))

    def close(self):
        with self._lock:
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._queue.put(_END)

    def _work(self):
        ident = threading.get_ident()
        while True:
            item = self._queue.get()
            if item is _END:
                return
            call, deferred = item
            RUNNING[ident] = call
            ended = _run(call, deferred)
            if fork.in_child():
                fork.leave_child(ended)
            RUNNING.pop(ident, None)
            with self._lock:
                self._busy -= 1
            self._finish(call, ended)


def _run(call, deferred):
    if call.ending:
        return "failed", None, None  # the executor knows why
    try:
        return "succeeded", convert(deferred.run(call), call), None
    except Problem as problem:
        return "failed", None, problem
    except BaseException as error:
        message = f"{call.command} failed: {type(error).__name__}: {message_of(error)}"
        details = {"type": type(error).__name__, "traceback": format_error(error)}
        return "failed", None, Problem("call_failed", message, details=details, severity="bug")
