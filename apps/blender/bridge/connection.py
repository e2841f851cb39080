# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this copy of Kapelle is the one in this Blender, and whether it is connected.

In: `connect` and `disconnect`, pressed by a person; `start_soon` and `leave` from the add-on.
Out: the bridge, and the parts of the window that come and go with it (`set_parts`).

States: off -> waiting (another copy is here, or Blender is still starting) -> here -> off. Two copies in one Blender,
such as an add-on for 3.x beside an extension, or boot.py beside either: the first that comes is here, the others say
so in their preferences and take over when it goes.
"""

import os
import sys

import bpy

from . import direct, panel, pump
from .bridgekit.problem import Problem

# From Blender's start to ours, in seconds: its own start-up comes first.
START_AFTER_S = 0.1
# Between two looks whether another copy has gone, in seconds.
LOOK_GAP_S = 1.0
# After a bridge that ends with the call which stopped it, in seconds.
ENDING_GAP_S = 0.05
# Who has the panel and the operators in this process.
_PLACE = "_kapelle_addon_here"


class _Here:
    """What other copies may know of this one."""

    def __init__(self):
        self.folder = os.path.dirname(os.path.abspath(__file__))


# `wanted`: whether it looks for a hub.
_state = {"here": None, "wanted": False}
# `told`: gives the preferences that hold now; `parts`: what is registered while this copy is here.
_given = {"told": None, "parts": ()}


def set_parts(told, parts):
    """`told()` gives the preferences; each part has `register` and `unregister`."""
    _given.update(told=told, parts=tuple(parts))


def start_soon(wanted):
    """Comes as soon as Blender has started. `wanted`: with a look for a hub."""
    _state["wanted"] = wanted
    # While Blender starts there are no data and no window yet.
    if hasattr(bpy.data, "filepath"):
        _come_soon()
    else:
        _again(START_AFTER_S)


def leave():
    """Disconnects and gives the place free."""
    if bpy.app.timers.is_registered(_come):
        bpy.app.timers.unregister(_come)
    pump.stop()
    _go()


def connect():
    """Connects; a sentence if that is not possible, else None."""
    other = elsewhere()
    if other:
        return "Another copy of Kapelle is already running in this Blender: %s." % other
    mine = pump.mine()
    if mine is not None and (not mine.dials or mine.link.status()["state"] == "stopped"):
        mine.stop("it is reconnecting")
    _state["wanted"] = True
    _come_soon()
    return None


def disconnect(why):
    """Disconnects from the hub until somebody connects. The direct mode goes on if it is on."""
    _state["wanted"] = False
    pump.stop(why)
    _come_soon()


def elsewhere():
    """The folder of another copy that is here instead of this one, or None."""
    here = sys.modules.get(_PLACE)
    if here is not None and here is not _state["here"]:
        return getattr(here, "folder", "of unknown origin")
    running = pump.running()
    if running is not None and pump.mine() is None:
        return getattr(running, "package", "of unknown origin")
    return None


def _come():
    """Takes the place and starts the bridge. Seconds until it should be tried again, or None when it is done."""
    if elsewhere():
        return LOOK_GAP_S
    if _state["here"] is None:
        _state["here"] = sys.modules[_PLACE] = _Here()
        for part in _given["parts"]:
            part.register()
    told = _given["told"]()
    dials, port = _state["wanted"], told.direct_port
    asked = _asked_port()
    if asked is not None:
        # Started for the direct mode: a hub that is there hears of its calls, and it runs the same without one.
        dials, port = True, asked
    if not dials and port is None:
        return None
    try:
        started = pump.start(
            home_folder=told.home, interval_s=told.tick_ms / 1000.0, tend=panel.tend, dials=dials, direct_port=port
        )
    except BaseException:
        _go()  # a part of ours cannot be loaded: Blender says so, and nothing half-made stays
        raise
    panel.redraw()
    return None if started else ENDING_GAP_S


def _asked_port():
    try:
        return direct.wanted()
    except Problem as problem:
        print("Kapelle: %s" % problem.message, file=sys.stderr, flush=True)
        return None


def _come_soon():
    wait = _come()
    if wait is not None:
        _again(wait)


def _again(wait):
    if not bpy.app.timers.is_registered(_come):
        bpy.app.timers.register(_come, first_interval=wait, persistent=True)


def _go():
    if _state["here"] is None:
        return
    for part in reversed(_given["parts"]):
        part.unregister()
    if sys.modules.get(_PLACE) is _state["here"]:
        del sys.modules[_PLACE]
    _state["here"] = None
