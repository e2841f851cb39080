# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge in a Blender with a window: a timer that lets waiting calls run between two redraws.

In: Blender's persistent timer, which lives through opening files. Out: `Executor.step`, which drains within a time
budget and lingers for the next call, so that a burst answers within one tick. States: stopped <-> running.
"""

import os
import sys
import time
import traceback

import bpy

from . import commands
from .announcement import Announcement
from .bridgekit.executor import Executor
from .bridgekit.link import Link
from .host import BlenderHost

# Between two ticks, in seconds. Blender comes by every 5 ms anyway; measured 0.7 % of a core.
INTERVAL_S = 0.004
# Between two looks at the state while an artist works, in seconds.
STATE_GAP_S = 0.5
# One bridge per process, whatever package name it was imported under.
_PLACE = "_kapelle_bridge_running"


class Pump:
    def __init__(self):
        self.announcement = Announcement()
        self.host = BlenderHost(self._instance, self.announcement.note)
        self.executor = Executor(commands.load(self.host), self.host)
        self.link = Link(None, self.announcement.told, self.executor)
        self._timer = self._tick  # one object: Blender knows a timer by its identity
        self._state_due = 0.0

    def start(self):
        self.host.install()
        bpy.app.timers.register(self._timer, first_interval=0.0, persistent=True)
        self.link.start()

    def stop(self):
        if bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.unregister(self._timer)
        self.link.stop("the add-on was switched off")
        self.executor.close()
        self.host.remove()

    def _tick(self):
        try:
            self._look()
            self.executor.step()
        except Exception:
            # Blender drops a timer that raises; the bridge must outlive its own mistakes.
            traceback.print_exc()
        return INTERVAL_S

    def _look(self):
        """Tells the hub of what an artist does, at most twice a second."""
        events = self.host.watch.events
        now = time.monotonic()
        if events == self.host.events_known or now < self._state_due:
            return
        self.host.events_known = events
        self._state_due = now + STATE_GAP_S
        self.host.revision += 1
        self.executor.touch()

    def _instance(self):
        return self.link.status()["instance"] or os.environ.get("KAPELLE_NAME")


def running():
    """The Pump of this process, or None."""
    return sys.modules.get(_PLACE)


def start():
    """Starts it unless one runs already."""
    if running() is None:
        pump = Pump()
        sys.modules[_PLACE] = pump
        pump.start()


def stop():
    """Stops it if it runs and is of this package."""
    pump = running()
    if isinstance(pump, Pump):
        del sys.modules[_PLACE]
        pump.stop()
