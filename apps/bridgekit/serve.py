# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs a bridge in a process that has nothing else to do on its main thread.

In: the application's table and host. It blocks until the process should leave: SIGINT, SIGTERM, the hub's
`stop`, or, for a process that the hub launched, a hub that stays away. Then the host may save a copy.
"""

import atexit
import os
import signal
import threading

from . import announce, commands_code
from .executor import Executor
from .link import Link

# A process that the hub launched and that nobody else can see leaves after this long without a hub.
AWAY_LIMIT_S = 600.0


def run_background(app, table, host, announcement=None, home=None, away_limit_s=AWAY_LIMIT_S, ready=None):
    """Runs until told to leave; returns the reason, after `host.leave()`. Call it on the main thread.

    `app` is the kind of program; `announcement()` gives what only the application knows (version, mode, file, and
    `commands` where they are not those of the table); `ready(executor, link)` is called once before the first call.
    Installs `code.run` unless the table has it. Raises ValueError for a command that has no description.
    """
    if table.get("code.run") is None:
        commands_code.install(table, host)
    executor = Executor(table, host)
    announcement = announcement or dict
    described = {} if "commands" in announcement() else {"commands": table.specs()}

    def announce_all():
        told = {"app": app, "mode": "background", **described}
        told.update(announcement())
        return told

    link = Link(
        home,
        announce_all,
        executor,
        on_stop=lambda: executor.stop_soon("the hub asked for it"),
        away_limit_s=away_limit_s if announce.launched_by_hub() else None,
        on_away=lambda: executor.stop_soon("the hub stayed away"),
    )

    def begin():
        if ready is not None:
            ready(executor, link)
        link.start()
        return link.stop

    return _run(executor, host, begin)


def run_direct(table, host, listen):
    """The same for a bridge that listens by itself: `listen(executor)` begins it and returns what ends it, a function
    of the reason."""
    if table.get("code.run") is None:
        commands_code.install(table, host)
    executor = Executor(table, host)
    executor.capture_descriptors()
    return _run(executor, host, lambda: listen(executor))


def _run(executor, host, begin):
    before = _take_signals(executor)
    ends = []
    fallen = _Fallen(executor, ends)
    atexit.register(fallen)
    try:
        ends.append(begin())
        reason = executor.run_forever()
    except BaseException:
        executor.close()
        raise
    finally:
        atexit.unregister(fallen)
        _give_back_signals(before)
    try:
        host.leave()
    finally:
        ends[0](reason)
        executor.close()
    return reason


class _Fallen:
    """The interpreter ends under a running call: a callback of the application (a handler, a driver) raised SystemExit,
    and the application leaves the process for it, from deep inside. What comes then is not of our making, and often
    hangs; so the call is told, and the process ends here."""

    def __init__(self, executor, ends):
        self._executor = executor
        self._ends = ends
        self._pid = os.getpid()

    def __call__(self):
        if os.getpid() != self._pid or not self._executor.fall():
            return
        for end in self._ends:
            end("a callback of the application raised SystemExit")
        os._exit(1)


def _take_signals(executor):
    """SIGINT and SIGTERM ask the executor to stop; a second one does what it did before us."""
    before = {}
    if threading.current_thread() is not threading.main_thread():
        return before

    def on_signal(number, frame):
        _give_back_signals(before)
        # One step into a queue: a handler may run anywhere, also where a lock is held.
        executor.stop_soon(f"signal {number}")

    names = ("SIGINT", "SIGTERM", "SIGBREAK") if os.name == "nt" else ("SIGINT", "SIGTERM")
    for name in names:
        number = getattr(signal, name)
        before[number] = signal.signal(number, on_signal)
    return before


def _give_back_signals(before):
    while before:
        number, handler = before.popitem()
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
