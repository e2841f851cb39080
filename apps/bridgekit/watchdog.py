# SPDX-License-Identifier: MIT OR Apache-2.0
"""The thread that ends calls whose time is over, and says when one cannot be ended.

It sleeps until the next moment at which something is due, and is woken only for an earlier one: a call
whose limit lies behind the sleep costs nothing. Everything it decides, it decides under the executor's
lock; the shot itself is in interrupt.py.
"""

import queue
import threading
import time

from . import still
from .deferred import GRACE_S
from .mailbox import Mailbox

# From the first shot to the second, which also ends waits inside Python's C code (bell.py): long enough
# that a shot which only waited for the interpreter has landed.
SECOND_S = 0.05
# Between two further shots at a call that swallows them.
REPEAT_S = 0.1
# A call that still runs this long after the first shot is wedged.
WEDGED_AFTER_S = 0.5

_FAR = float("inf")


class Watchdog:
    """States: not started -> asleep until `_until` <-> looking -> closed."""

    def __init__(self, executor):
        self._executor = executor
        self._wake = Mailbox()
        self._until = _FAR
        self._thread = None

    def start(self):
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="kapelle-watchdog", daemon=True)
            self._thread.start()

    def expect(self, when):
        """Something is due at `when` (monotonic seconds). Under the executor's lock."""
        if when < self._until:
            self._until = when
            self._wake.put(None)

    def follow(self, call):
        """The call was shot at: look at once, for what it registered with on_cancel."""
        self._wake.put(None)

    def stop_soon(self, reason):
        """Stops the executor from this thread; one step, so a signal's handler may call it."""
        self._wake.put(reason)

    def close(self):
        self._wake.put(_FAR)

    def _watch(self):
        with still.member(lambda: self._wake.put(None)):
            self._watch_on()
        self._wake.close()

    def _watch_on(self):
        while True:
            still.rest()
            overdue, wedged = [], False
            with self._executor._lock:
                now = time.monotonic()
                self._until = _FAR
                for call in self._executor.live():
                    wedged = self._look(call, now, overdue) or wedged
                until = self._until
            if wedged:
                self._executor.port.beat_now()
            for call in overdue:
                self._executor._finish_deferred(call, ("failed", None, None))
            for call in self._executor.live():
                if call.cancelled:
                    call.run_on_cancel()
            order = self._sleep(until)
            if order is _FAR:
                return
            if order is not None:
                self._executor.stop(order)

    def _sleep(self, until):
        try:
            if until == _FAR:
                return self._wake.get()
            return self._wake.get(max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def _look(self, call, now, overdue):
        """Does for one call what is due, and notes when to look again. True when it turned wedged."""
        executor = self._executor
        if not call.ending:
            if call.deadline is None:
                return False
            if now < call.deadline:
                self._until = min(self._until, call.deadline)
                return False
            if not executor._end(call.id, "timed_out"):
                return False
        on_main = call is executor.running
        if not on_main:
            if now >= call.first_shot_at + GRACE_S:
                overdue.append(call)
            else:
                self._until = min(self._until, call.first_shot_at + GRACE_S)
            return False
        gap = SECOND_S if call.last_shot_at == call.first_shot_at else REPEAT_S
        if now >= call.last_shot_at + gap:
            executor.shoot_again(call)
            call.last_shot_at, gap = now, REPEAT_S
        turned = not call.wedged and now >= call.first_shot_at + WEDGED_AFTER_S
        call.wedged = call.wedged or turned
        next_look = call.last_shot_at + gap
        if not call.wedged:
            next_look = min(next_look, call.first_shot_at + WEDGED_AFTER_S)
        self._until = min(self._until, next_look)
        return turned
