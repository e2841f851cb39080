# SPDX-License-Identifier: MIT OR Apache-2.0
"""The interrupt: a shot at the main thread that hits one call and nothing else.

`PyThreadState_SetAsyncExc` raises an exception in another thread at its next bytecode. Fired at the end
of a short call it nearly always lands behind it, in whatever runs next. So:

- A call may be hit only while its *window* is open, from just before the command's function until just
  behind it. `Window.run` opens and closes it on the main thread; `Window.fire` is called by other threads.
- Opening, firing and closing happen under one lock. Closing also withdraws a shot that was fired and has
  not landed. After that nothing is on its way, and nothing can be fired.
- A shot that lands behind the function, while the window is being closed, is swallowed there.

While the window is open the main thread takes no lock in Python that another thread needs: an exception
between "acquired" and "will be released" would leave it locked for ever. The window's own lock is
re-entrant for that reason: `_close` takes it again and lets go of it entirely.

It decides nothing about time; see executor.py.
"""

import ctypes
import gc
import threading

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc

# Turns of an empty loop, each of which looks for a shot.
_LANDS_WITHIN = 100


class Interrupt(BaseException):
    """Raised in a call that was cancelled or ran out of time. Each shot is a subclass with its `call_id`."""

    call_id = None


class _Withdrawn(BaseException):
    """Lands in Window._withdraw and nowhere else."""


def _shot(call):
    return type("CallInterrupted", (Interrupt,), {"call_id": call.id})


class Window:
    """The time in which the running call may be hit. States: closed -> open -> closing -> closed."""

    def __init__(self):
        # Held to open, to fire and to close; also by the executor for what must not change meanwhile.
        self.lock = threading.RLock()
        self._open_for = None
        self._closing = False
        self._thread = None
        self._fired = 0
        self._gc_paused = False

    def run(self, call, body):
        """Runs `body(call)` with the window open for the call, on the thread that calls this.

        Returns (result, error, trace): what `body` gave; the exception that it raised, or None; where a
        shot landed, or None. `call.ending` says afterwards whether the call was ended.
        """
        result = error = trace = None
        # Three rooms, one in the other: a shot that lands behind the inner one is caught by the next, and
        # a further one needs the repeat time and an open window, which is marked as closing by then.
        try:
            try:
                try:
                    self._open(call)
                    result = body(call)
                except Interrupt as shot:
                    trace = shot.__traceback__
                except BaseException as raised:
                    error = raised
                self._close()
            except Interrupt:
                self._close()
        except Interrupt:
            self._close()
        return result, error, trace

    def is_open_for(self, call):
        """Whether the call may be hit now. The caller holds `lock`."""
        return self._open_for is call and not self._closing

    def fire(self, call):
        """Shoots at the call; False when its window is not open. The caller holds `lock`."""
        if not self.is_open_for(call):
            return False
        _set_async_exc(ctypes.c_ulong(self._thread), ctypes.py_object(_shot(call)))
        self._fired += 1
        return True

    def land(self):
        """On the main thread, from a signal's handler (bell.py): raises here what was fired and waits."""
        call = self._open_for
        if call is None or self._closing or not call.ending:
            return
        raise _shot(call)

    def _open(self, call):
        with self.lock:
            self._fired = 0
            self._closing = False
            self._thread = threading.get_ident()
            if not call.ending:
                call.opened = True
                self._open_for = call
                return
        raise Interrupt()  # it was ended before its function began

    def _close(self):
        self._closing = True
        lock = self.lock
        lock.acquire()
        self._open_for = None
        if self._fired:
            self._withdraw()
        # From here on no shot is on its way. An interrupted first try may have left the lock taken.
        while lock._is_owned():
            lock.release()

    def _withdraw(self):
        """Puts a harmless shot in the place of one that has not landed, and lets it land here.

        Setting none instead would leave the interpreter's mark that a shot is on its way, until the next
        one lands: every check of it slow, and Python 3.11 turns for ever in it under a tracer.
        """
        if gc.isenabled():  # a finalizer that ran just now would be hit in its middle
            self._gc_paused = True
            gc.disable()
        try:
            for _ in range(_LANDS_WITHIN):
                pass  # a collection that was due already comes here
            while True:
                _set_async_exc(ctypes.c_ulong(self._thread), ctypes.py_object(_Withdrawn))
                # It lands at one of the next bytecodes; again, if something swallowed it there.
                for _ in range(_LANDS_WITHIN):
                    pass
        except _Withdrawn:
            pass
        if self._gc_paused:
            self._gc_paused = False
            gc.enable()

    def after_fork_in_child(self):
        """In a forked child nobody shoots, and the lock may be held by a thread that is not there."""
        self.lock = threading.RLock()
