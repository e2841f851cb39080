# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps Blender's main loop from sleeping while calls come one after the other.

A window's main loop sleeps for 5 ms in each round in which nothing happened. Between two ticks of a burst that is a
third of the time. A timer of the window manager counts as something that happens, so there is one as long as the burst
lasts, and none otherwise: it would keep an idle Blender busy.

In: whether a tick ran a call. Out: a timer that is there or not. It redraws nothing. Modal operators of others hear a
few events more of the kind TIMER, as from any timer.

States: asleep -> awake (a tick ran a call) -> asleep (a tick ran none).
"""

import bpy

# Between two events of the timer, in seconds: shorter than a tick, so that one is due in every round.
STEP_S = 0.001


class Awake:
    def __init__(self):
        self._timer = None

    def after(self, ran):
        """A tick is over that `ran` a call, or not."""
        if ran:
            if self._timer is None:
                self._timer = _add()
        elif self._timer is not None:
            self.rest()

    def rest(self):
        timer, self._timer = self._timer, None
        if timer is not None:
            try:
                bpy.context.window_manager.event_timer_remove(timer)
            except (ReferenceError, RuntimeError):
                pass  # it went with the window, or with another file


def _add():
    manager = bpy.context.window_manager
    window = next(iter(manager.windows), None)
    if window is None:
        return None
    return manager.event_timer_add(STEP_S, window=window)
