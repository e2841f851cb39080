# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs inside the Blender of a test: writes what Kapelle's panel has drawn into the file KAPELLE_TEST_SHOWN, presses
the button that a file beside it names, and removes another one once Blender has taken in what came before it.

It also opens the sidebar of every 3D viewport; the tab is chosen by a click, as 3.x offers no other way. At SIGUSR1 it
prints where every thread of Python stands, also when nothing runs any more.
"""

import faulthandler
import json
import os
import signal
import sys
import time

import bpy

GAP_S = 0.02
STALLED_S = 0.5
# Between two ticks of a timer Blender handles what the pointer did.
SETTLED_TICKS = 3
_written = []
_settling = []
_ticked = []  # when the timer came by last


def open_sidebar():
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.show_region_ui = True


def drawn():
    """What the panel module of whichever copy runs here remembers of its last drawing."""
    for name, module in list(sys.modules.items()):
        if name.endswith(".panel") and hasattr(module, "LAST_DRAWN"):
            return module.LAST_DRAWN
    return None


def press():
    """Runs the operator that the test wants pressed."""
    path = os.environ["KAPELLE_TEST_SHOWN"] + ".press"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            noun, _, verb = file.read().partition(".")
        os.remove(path)
        getattr(getattr(bpy.ops, noun), verb)("INVOKE_DEFAULT")


def settle():
    """Blender presses only a button that it has lit, which is so after the next round of its events."""
    path = os.environ["KAPELLE_TEST_SHOWN"] + ".settle"
    if os.path.exists(path):
        _settling.append(path)
        if len(_settling) == SETTLED_TICKS:
            _settling.clear()
            os.remove(path)


def watch():
    press()
    settle()
    _ticked[:] = [time.monotonic()]
    write()
    return GAP_S


def write():
    told = drawn()
    if told is not None and told.get("count") not in _written:
        _written[:] = [told.get("count")]
        path = os.environ["KAPELLE_TEST_SHOWN"]
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(path + ".part", path)


def watch_drawing():
    """No timer runs while a call does, but drawing may. What is drawn now comes to the screen a moment later."""
    if _ticked and time.monotonic() - _ticked[0] > STALLED_S:
        write()


@bpy.app.handlers.persistent
def loaded(*args):
    open_sidebar()


faulthandler.register(signal.SIGUSR1)
bpy.app.timers.register(open_sidebar, first_interval=0.0)
bpy.app.handlers.load_post.append(loaded)
bpy.types.SpaceView3D.draw_handler_add(watch_drawing, (), "UI", "POST_PIXEL")
bpy.app.timers.register(watch, first_interval=0.1, persistent=True)
