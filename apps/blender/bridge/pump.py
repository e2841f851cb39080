# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge in a Blender with a window: a timer that lets waiting calls run between two redraws.

In: Blender's persistent timer, which lives through opening files. Out: `Executor.step`, which drains within a time
budget and lingers for the next call, so that a burst answers within one tick.

States: stopped -> running -> (ending ->) stopped. It is `ending` when it was stopped from inside a call: then the
call's outcome goes out first, and the next tick stops it.

There is one bridge per process, whoever imported it under whatever name: `running` gives it, `start` refuses a second.
"""

import os
import signal
import sys
import time
import traceback

import bpy

from . import commands, direct, overriding
from .announcement import Announcement
from .awake import Awake
from .bridgekit.executor import Executor
from .bridgekit.link import Link
from .bridgekit.problem import Problem
from .host import BlenderHost
from .recent import Noting, Recent

# Between two ticks, in seconds. Blender comes by every 5 ms anyway.
INTERVAL_S = 0.004
# What a person may choose instead, in seconds.
INTERVAL_MIN_S, INTERVAL_MAX_S = 0.001, 0.05
# While nothing comes, ticks only look whether a call waits, but for one after this long, in seconds, that does all.
# Measured on a busy machine, where caches hold other programs: 1.1 % of a core with whole ticks alone, 0.3 % with this.
WHOLE_GAP_S = 0.04
# Between two looks at the state while an artist works, in seconds.
STATE_GAP_S = 0.5
# Deferred calls get this long to end when the bridge stops, in seconds: a child process is killed well within it.
END_WAIT_S = 1.0
# One bridge per process, whatever package name it was imported under.
_PLACE = "_kapelle_bridge_running"


class Pump:
    """`home_folder`: where the hub is looked for when KAPELLE_HOME does not say it. `tend(self)`, if given, is called
    in every tick after the calls, to show what has changed. `dials`: whether it looks for a hub. `direct_port`: where
    the direct mode listens (direct.py), or None."""

    def __init__(self, home_folder=None, interval_s=INTERVAL_S, tend=None, dials=True, direct_port=None):
        self.package = __package__
        self.interval_s = min(INTERVAL_MAX_S, max(INTERVAL_MIN_S, interval_s))
        self.ending = None  # why, once it is being stopped
        self._own_home = _adopt_home(home_folder)
        self.announcement = Announcement()
        self.host = BlenderHost(self._instance, self.announcement.note)
        self.executor = Executor(commands.load(self.host), self.host)
        self.link = Link(None, self.announcement.told, self.executor)
        self.executor.port = self.recent = Recent(self.link)
        self._awake = Awake()
        self._timer = self._tick  # one object: Blender knows a timer by its identity
        self._tend = tend
        self._passed = 0  # ticks since the last whole one
        self._state_due = 0.0
        self.dials = dials
        self.direct = {"port": None, "why": None}  # where the direct mode listens, or in a sentence why it does not
        self._direct_wanted = direct_port
        self._listener = None
        self._direct_end = None

    def start(self):
        self.host.install()
        bpy.app.timers.register(self._timer, first_interval=0.0, persistent=True)
        if self.dials:
            self.link.start()
        self.listen(self._direct_wanted)
        if os.environ.get("KAPELLE_DIRECT"):
            self._take_signals()

    def listen(self, port):
        """Starts the direct mode on that port, or ends it (None)."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self.direct = {"port": None, "why": None}
        self.recent.version += 1
        if port is None:
            return
        try:
            self._listener, at = direct.listen(Noting(self.executor, self.recent), port, self._direct_ends)
        except Problem as problem:
            print("Kapelle: %s %s" % (problem.message, problem.hint), file=sys.stderr, flush=True)
            self.direct["why"] = problem.message
        else:
            print(direct.greeting(at), flush=True)
            self.direct["port"] = at

    def stop(self, why="the add-on was disabled"):
        """Ends its calls, says goodbye and takes everything back: at once, or after the call that asked for it."""
        if self.ending is None:
            self.ending = why
            if self.executor.running is None:
                self._end()

    def cancel(self, call_id):
        """Ends a call because the person at Blender wants it. False when there is none."""
        for call in self.executor.live():
            if call.id == call_id:
                call.log("warning", "Stopped in Blender's panel.", "panel")
        return self.executor.cancel(call_id)

    def _tick(self):
        if self._passed * self.interval_s < WHOLE_GAP_S and self.executor.is_idle():
            self._passed += 1
            self._awake.after(False)
            return self.interval_s
        self._passed = 0
        if self.executor.running is None:
            overriding.forget()  # of an artist's add-ons
        return self._whole_tick()

    def _whole_tick(self):
        if self.executor.running is not None:
            return self.interval_s  # Blender runs its timers inside the call
        if self.ending is not None:
            self._end(in_tick=True)
            return None
        try:
            self._look()
            self._awake.after(self.executor.step())
            if self._direct_end is not None:
                self._end_direct()
            if self._tend is not None:
                self._tend(self)
        except Exception:
            # Blender drops a timer that raises; the bridge must outlive its own mistakes.
            traceback.print_exc()
        return self.interval_s

    def _end(self, in_tick=False):
        if not in_tick and bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.unregister(self._timer)
        self._awake.rest()
        self.executor.stop(self.ending)
        end = time.monotonic() + END_WAIT_S
        while self.executor.live() and time.monotonic() < end:
            time.sleep(0.01)
        self.link.stop(self.ending)
        self.listen(None)
        self.executor.close()
        self.host.remove()
        if self._own_home and os.environ.get("KAPELLE_HOME") == self._own_home:
            del os.environ["KAPELLE_HOME"]
        if sys.modules.get(_PLACE) is self:
            del sys.modules[_PLACE]

    def _direct_ends(self, reason):
        """On the thread of a client that asked for the end."""
        self._direct_end = reason

    def _take_signals(self):
        """A Blender that was started for the direct mode leaves by SIGINT and SIGTERM as in background: saved, and
        with exit code 0."""

        def asked(number, frame):
            self._direct_ends("signal %d" % number)
            self.executor.stop_soon("signal %d" % number)  # a call that runs is in the way

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, asked)

    def _end_direct(self):
        """Ends the listening. A Blender that was started for the direct mode leaves; an artist's own stays."""
        reason, self._direct_end = self._direct_end, None
        self.listen(None)
        self.direct["why"] = "Direct mode ended: %s." % reason
        if os.environ.get("KAPELLE_DIRECT"):
            self.host.leave()
            print("Kapelle: exited because %s" % reason, flush=True)
            bpy.ops.wm.quit_blender()

    def _look(self):
        """Tells the hub of what an artist does, at most twice a second."""
        events = self.host.watch.events
        now = time.monotonic()
        if events == self.host.events_known or now < self._state_due:
            return
        self.host.events_known = events
        self._state_due = now + STATE_GAP_S
        self.host.look()
        self.executor.touch()

    def _instance(self):
        return self.link.status()["instance"] or os.environ.get("KAPELLE_NAME")


def running():
    """The Pump of this process, also one of another copy of this package, or None."""
    return sys.modules.get(_PLACE)


def mine():
    """The Pump of this process if it is of this copy, or None."""
    pump = running()
    return pump if isinstance(pump, Pump) else None


def start(**how):
    """Starts it unless one runs already; `how` is Pump's. False when another copy has the place, or one that is
    about to end."""
    if running() is None:
        pump = Pump(**how)
        sys.modules[_PLACE] = pump
        pump.start()
    return mine() is not None and mine().ending is None


def dial(home_folder=None):
    """In background: connects and announces this Blender, runs no calls. For a check of an installation."""
    if running() is None:
        sys.modules[_PLACE] = pump = Pump(home_folder)
        pump.link.start()


def stop(why="the add-on was disabled"):
    """Stops it if it runs and is of this copy."""
    pump = mine()
    if pump is not None:
        pump.stop(why)


def _adopt_home(folder):
    """Makes `folder` the home of everything in this process and its children. KAPELLE_HOME goes first. Returns what
    it has set."""
    if not folder or os.environ.get("KAPELLE_HOME"):
        return None
    told = os.path.abspath(os.path.expanduser(folder))
    os.environ["KAPELLE_HOME"] = told
    return told
