# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs calls on the main thread, one at a time, and ends them when they must end.

In: `submit(call)` and `cancel(id, reason)` from any thread. Out: `started`, `settle`, `state` on the port
(the link, or a direct listener). The main thread drives it: `step()` from a GUI timer, `run_forever()`
where there is nothing else to do.

A call:  waiting -> running -> ended, or waiting -> running -> deferred -> ended, or waiting -> ended.
Its function runs in a window in which it can be interrupted (interrupt.py); a watchdog thread shoots
when it reached its time limit. Every call gets exactly one outcome: whoever takes it out of the tables under the
lock, settles it.

It knows no application (host.py) and no socket (link.py).
"""

import collections
import os
import queue
import threading
import time

from . import call_limits, faults, fork, memory, outcome
from .bell import Bell
from .call import Deferred
from .capture import LogTap, Streams
from .convert import convert
from .deferred import Workers
from .descriptors import Descriptors
from .interrupt import Interrupt, Window
from .kapelle_module import RUNNING
from .port import Port
from .problem import Problem
from .tracebacks import message_of, problem_of, where_of
from .watchdog import Watchdog

# Calls that wait or run here; the hub's window is 32. Bounds memory, and a cancel stays quick.
CALLS_MAX = 64
# Ids remembered, so that a call which comes twice runs once.
KNOWN_IDS_MAX = 10000
# A step of a GUI timer: all of it, and the wait for a next call after one. Measured: bursts answer
# within one tick and the GUI keeps its frame rate.
STEP_BUDGET_MS = 12.0
STEP_LINGER_MS = 2.0
# Between two looks at the application's state, in seconds, so that a burst of calls pays for one.
STATE_GAP_S = 0.2
# Python on Windows wakes up for a signal only between two waits; elsewhere a wait has no end.
_WAIT_S = 0.5 if os.name == "nt" else None

# A call that took longer may have held the whole interpreter, and what the hub said meanwhile waits unread.
LONG_S = 0.25

_WAKE = object()  # in the queue: look at `_stopping` and at the state


class Executor:
    """The pump of one application; see the module's text."""

    def __init__(self, table, host, port=None):
        self.table = table
        self.host = host
        self.port = port or Port()
        self.running = None  # the call on the main thread
        self.stopping = None  # why it stops, once it does
        self._window = Window()
        self._lock = self._window.lock
        self._queue = queue.SimpleQueue()
        self._waiting = {}
        self._deferred = {}
        self._settling = {}  # out of the tables, outcome not yet with the port
        self._known = collections.OrderedDict()
        self._streams = Streams()
        self._logs = LogTap()
        self._workers = Workers(self._finish_deferred)
        self._bell = Bell(self._window.land)
        self._watchdog = Watchdog(self)
        self._at_pump = False
        self._was_long = False  # the last call
        self._pulse = time.monotonic()
        self._state_due = None
        self._state_told = None
        self._main = None
        fork.watch(self)

    # --- from any thread ---

    def submit(self, call):
        """Queues a call. False when its id is known already, and then nothing happens."""
        entry = self.table.get(call.command)
        refusal = None
        with self._lock:
            if call.id in self._known:
                return False
            self._known[call.id] = None
            if len(self._known) > KNOWN_IDS_MAX:
                self._known.popitem(last=False)
            call.port = call.port or self.port
            call.entry = entry
            if entry is None:
                refusal = self.table.unknown(call.command)
            elif self.stopping:
                refusal = Problem("cancelled", f"The instance is exiting: {self.stopping}.", retryable=True)
                call.ending = "cancelled"
            elif len(self._waiting) + len(self._deferred) >= CALLS_MAX:
                refusal = faults.full(CALLS_MAX)
            else:
                self._waiting[call.id] = call
            if refusal is not None:
                self._settling[call.id] = call
        if refusal is not None:
            self._hand_over(call, outcome.of_problem(call, refusal, call.ending or "failed"))
            return True
        self._queue.put(call)
        return True

    def cancel(self, call_id, reason="cancelled"):
        """Ends a call: at once when it waits, by an interrupt when it runs. False when there is none."""
        with self._lock:
            call = self._waiting.pop(call_id, None)
            if call is None:
                return self._end(call_id, reason)
            call.ending, call.cancelled = reason, True
            self._settling[call_id] = call
        status, problem = outcome.ended(call, leaving=self.stopping)
        self._hand_over(call, outcome.of_problem(call, problem, status))
        return True

    def capture_descriptors(self, folder=None):
        """From here on what is written past Python belongs to the running call: for a process in background."""
        self._streams.descriptors = Descriptors(folder)

    def stop(self, reason="stopped"):
        """Ends every call and lets run_forever return `reason`. Not from a signal's handler: stop_soon."""
        with self._lock:
            self.stopping = self.stopping or reason
            ids = list(self._waiting) + list(self._deferred) + ([self.running.id] if self.running else [])
        for call_id in ids:
            self.cancel(call_id, "cancelled")
        self._queue.put(_WAKE)

    def stop_soon(self, reason):
        """stop(), by the watchdog's thread: the only form that is safe in a signal's handler."""
        self._watchdog.stop_soon(reason)

    def touch(self, again=False):
        """Says that the application's state may have changed; `again`: tell it even if it has not."""
        if again:
            self._state_told = None
        waits_for_it = self._state_due is not None and not again
        self._state_due = time.monotonic()
        if not waits_for_it:  # once is enough: an application may call this for each of its events
            self._queue.put(_WAKE)

    def live(self):
        """The calls that run now, on the main thread and on workers."""
        running = self.running
        return ([running] if running is not None else []) + list(self._deferred.values())

    def is_idle(self):
        """Whether nothing has come that `step` would look at. For a timer that comes by often."""
        return self._queue.empty()

    def calls(self):
        """What is known for an announcement: {"running": […], "queued": […]}."""
        with self._lock:
            running, waiting = self.live() + list(self._settling.values()), list(self._waiting.values())
        # A direct client's calls are nothing that a hub could settle.
        mine = self.port
        return {
            "running": [c.known() for c in running if c.port is mine],
            "queued": [c.known() for c in waiting if c.port is mine],
        }

    def beat(self):
        """What a beat tells: the running call, how many wait, how long ago the main thread came by."""
        running = self.running
        told = None
        if running is not None and running.started_at is not None:
            told = {"id": running.id, "age_ms": running.age_ms(), "wedged": running.wedged}
        pulse = 0 if self._at_pump else int((time.monotonic() - self._pulse) * 1000)
        return {"t": "beat", "running": told, "waiting": len(self._waiting), "pulse_ms": pulse}

    # --- on the main thread ---

    def step(self, budget_ms=STEP_BUDGET_MS, linger_ms=STEP_LINGER_MS):
        """Runs what waits, within the budget; after a call it waits `linger_ms` for the next one.

        Returns whether a call ran. Comes back at once inside a running call (an application may run its
        timers from there).
        """
        if self.running is not None:
            return False
        self._enter()
        ran = False
        end = time.monotonic() + budget_ms / 1000.0
        wait = 0.0
        while True:
            try:
                item = self._queue.get(wait > 0, wait if wait > 0 else None)
            except queue.Empty:
                break
            if item is not _WAKE:
                ran = self._run(item) or ran
            left = end - time.monotonic()
            if left <= 0 or (ran and self.host.wants_tick()):
                break
            wait = min(left, linger_ms / 1000.0) if ran else 0.0
        self._tell_state()
        self._pulse = time.monotonic()
        return ran

    def run_forever(self):
        """Blocks on the queue and runs what comes, until `stop`. Returns the reason."""
        self._enter()
        while not self.stopping:
            self._at_pump = True
            try:
                item = self._queue.get(True, self._wait_s())
            except queue.Empty:
                item = _WAKE
            self._at_pump = False
            self._pulse = time.monotonic()
            if item is not _WAKE:
                self._run(item)
            if self._state_due is not None:
                self._tell_state()
        return self.stopping

    def close(self):
        """Takes back what it put into the process (the tap of logging) and ends its threads."""
        self._logs.remove()
        self._bell.remove()
        self._watchdog.close()
        self._workers.close()

    def fall(self):
        """The process ends under the running call: tells its end. False when none runs, or it is another thread."""
        call = self.running
        if call is None or threading.get_ident() != self._main:
            return False
        if not call.settled:
            self._hand_over(call, outcome.of_problem(call, faults.fallen()))
        return True

    # --- one call ---

    def _run(self, call):
        if self._was_long:
            # Whoever waits may have been told meanwhile that his call will not run; that word has to come first.
            self._was_long = False
            self.port.catch_up()
        with self._lock:
            if self._waiting.pop(call.id, None) is None:
                return False  # cancelled while it waited
            self.running = call
            call.started_at = time.monotonic()
            if call.timeout_ms is not None:
                call.deadline = call.started_at + call.timeout_ms / 1000.0
                self._watchdog.expect(call.deadline)
        try:
            self._perform(call)
        except Exception as error:  # a fault of ours must not end the pump, nor leave the call open
            if not call.settled:
                self._hand_over(call, outcome.of_problem(call, faults.internal(error)))
        finally:
            self.running = None
        self._was_long = time.monotonic() > call.started_at + LONG_S
        return True

    def _perform(self, call):
        call.port.started(call)
        token, refusal = self._before(call)
        held = memory.rss_mb()
        trace, duration = None, 0.0
        if refusal is None:
            began = time.monotonic()
            ended, trace = self._in_window(call)
            duration = time.monotonic() - began
        else:
            ended = ("failed", None, refusal)
        if call.ending:
            status, problem = outcome.ended(call, where_of(trace), self.stopping)
            ended = (status, None, problem)
        if ended[0] == "deferred":
            return self._defer(call, ended[1], token)
        changes = self._after(call, token, ended[0] == "succeeded")
        if call.entry.effect != "read" and self._state_due is None:
            self._state_due = time.monotonic() + STATE_GAP_S
        self._tell_end(call, ended, duration, changes, memory.told(held))

    def _in_window(self, call):
        """Runs the function with its streams captured. Returns (how it ended, where a shot landed)."""
        self._streams.begin(call)
        RUNNING[self._main] = self._logs.call = call
        with call_limits.held(call.limits):
            ended, error, trace = self._window.run(call, self._body)
        if fork.in_child():
            fork.leave_child(ended)
        self._logs.call = None
        RUNNING.pop(self._main, None)
        self._streams.end()
        if error is not None:
            ended = ("failed", None, faults.unexpected(call, error))
        elif ended is None and not call.ending:
            ended = ("failed", None, faults.old_interrupt())
        return ended, trace

    def _body(self, call):
        """The part that may be interrupted: the function, its value's way to JSON, its exception's text."""
        try:
            value = call.entry.run(call, **call.args)
            if type(value) is Deferred:
                return "deferred", value, None
            return "succeeded", convert(value, call, self.host.convert), None
        except Interrupt:
            raise
        except Problem as problem:
            return "failed", None, problem
        except MemoryError as error:
            return "failed", None, problem_of(error)
        except BaseException as error:
            return "failed", None, faults.unexpected(call, error, self.host)

    def _before(self, call):
        """(token, None), or (None, the Problem with which the host or the arguments refuse the call)."""
        try:
            call.entry.check(call.args)
            if call.revision is not None:
                faults.at_revision(call.revision, self.host.revision_now())
            return self.host.before(call, call.entry.effect), None
        except Problem as refusal:
            return None, refusal
        except Exception as error:
            faults.complain(call, "before", error)
            return None, None

    def _after(self, call, token, ended_well):
        changes = None
        try:
            changes = self.host.after(call, token, ended_well)
        except Exception as error:
            faults.complain(call, "after", error)
        try:
            for record in self.host.reports(call):
                call.log(record.get("level", "info"), record.get("text", ""), record.get("source", ""))
        except Exception as error:
            faults.complain(call, "reports", error)
        return changes

    def _tell_end(self, call, ended, duration, changes, held):
        status, value, problem = ended
        told = problem.to_dict() if problem is not None else None
        self._hand_over(call, outcome.build(call, status, value, told, duration * 1000.0, changes, held))

    def _hand_over(self, call, told):
        """The one place where an outcome leaves. Until then the call is in one of the tables."""
        try:
            call.port.settle(call, told)
        except Exception as error:  # a host gave what is no JSON
            call.port.settle(call, outcome.of_problem(call, faults.internal(error)))
        call.settled = True
        self._settling.pop(call.id, None)

    # --- deferred calls: on worker threads ---

    def _defer(self, call, deferred, token):
        self._after(call, token, True)
        with self._lock:
            self._deferred[call.id] = call
            self.running = None
        self._workers.run(call, deferred)

    def _finish_deferred(self, call, ended):
        """On a worker's thread, or on the watchdog's when the worker does not come back."""
        with self._lock:
            if self._deferred.pop(call.id, None) is None:
                return
            self._settling[call.id] = call
        if call.ending:
            status, problem = outcome.ended(call, leaving=self.stopping)
            ended = (status, None, problem)
        duration = time.monotonic() - call.started_at
        self._tell_end(call, ended, duration, None, memory.told(None))

    # --- ending ---

    def _end(self, call_id, reason):
        """Ends a call that has begun. Under the lock."""
        call = self._deferred.get(call_id)
        running = self.running
        if call is None and running is not None and running.id == call_id:
            call = running
        if call is None or call.ending:
            return call is not None
        if call is running and call.opened and not self._window.fire(call):
            return False  # its function is over; the outcome is on its way
        self._mark(call, reason)
        return True

    def _mark(self, call, reason):
        call.ending, call.cancelled = reason, True
        call.first_shot_at = call.last_shot_at = time.monotonic()
        self._watchdog.follow(call)

    def shoot_again(self, call):
        """For the watchdog, under the lock: the call swallowed a shot, or waits inside C code."""
        if self._window.is_open_for(call) and not self._bell.ring():
            self._window.fire(call)

    # --- small things ---

    def _enter(self):
        ident = threading.get_ident()
        if self._main != ident:
            self._main = self._logs.thread = ident
            self._logs.install()
            self._bell.install()
            self._watchdog.start()
        self._pulse = time.monotonic()

    def _wait_s(self):
        if self._state_due is None:
            return _WAIT_S
        left = max(0.0, self._state_due - time.monotonic())
        return left if _WAIT_S is None else min(left, _WAIT_S)

    def _tell_state(self):
        if self._state_due is None or time.monotonic() < self._state_due:
            return
        self._state_due = None
        try:
            state = self.host.state()
        except Exception as error:
            state = {"error": f"the state cannot be read: {message_of(error)}"}
        if state is not None and state != self._state_told:
            self._state_told = state
            self.port.state(state, self._changes())

    def _changes(self):
        try:
            return self.host.changes()
        except Exception:
            return None  # the state is told without them

    def after_fork_in_child(self):
        """The child has no other threads, so a lock that one of them held would stay locked for ever."""
        self._window.after_fork_in_child()
        self._lock = self._window.lock
        self._streams.end()
