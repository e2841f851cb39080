# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences, and what holds without them (boot.py is no add-on).

In: Blender's preferences. Out: `told()`. Where the hub is: KAPELLE_HOME, else the folder here, else ~/.kapelle.
"""

import os
from collections import namedtuple

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, StringProperty

from . import connection, pump, view
from .bridgekit import direct, home

# `direct_port` is None where the direct mode is off.
Told = namedtuple("Told", "home connect_at_start tick_ms direct_port")
DEFAULTS = Told("", True, pump.INTERVAL_S * 1000.0, None)
# Letters of a line here.
_COLUMNS = 90


def told():
    """The values that hold now."""
    mine = _mine()
    if mine is None:
        return DEFAULTS
    return Told(mine.home, mine.connect_at_start, mine.tick_ms, mine.direct_port if mine.direct else None)


def _mine():
    addon = bpy.context.preferences.addons.get(__package__)
    kept = addon.preferences if addon is not None else None
    return kept if hasattr(kept, "connect_at_start") else None


def _tick_chosen(self, context):
    mine = pump.mine()
    if mine is not None:
        mine.interval_s = self.tick_ms / 1000.0


def _direct_chosen(self, context):
    mine = pump.mine()
    if mine is not None:
        mine.listen(self.direct_port if self.direct else None)


class KAPELLE_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    home: StringProperty(
        name="Home Folder",
        description="Kapelle's home folder, the same as the hub's (empty: ~/.kapelle). KAPELLE_HOME takes precedence. "
        "Applies from the next connection",
        subtype="DIR_PATH",
    )
    connect_at_start: BoolProperty(
        name="Connect at Start",
        description="Connect to the hub when Blender starts, and whenever the hub appears",
        default=DEFAULTS.connect_at_start,
    )
    tick_ms: FloatProperty(
        name="Tick (ms)",
        description="How often to check for waiting calls, in milliseconds. Blender itself checks every 5 ms",
        default=DEFAULTS.tick_ms,
        min=pump.INTERVAL_MIN_S * 1000.0,
        max=pump.INTERVAL_MAX_S * 1000.0,
        precision=1,
        update=_tick_chosen,
    )
    direct: BoolProperty(
        name="Direct Mode: Accept Other Add-ons' Clients",
        description="Listen on this machine for clients of mcp-for-blender, blender-remote and the like, alongside the "
        "hub. They have no token: any program on this machine that connects can run code here",
        default=False,
        update=_direct_chosen,
    )
    direct_port: IntProperty(
        name="Port",
        description="Port that direct mode listens on, at 127.0.0.1",
        default=direct.PORT,
        min=1024,
        max=65535,
        update=_direct_chosen,
    )

    def draw(self, context):
        column = self.layout.column()
        other = connection.elsewhere()
        for row in view.connection(pump.mine(), other, _COLUMNS):
            if row.button is not None:
                column.row().operator(row.button[0], text=row.button[2], icon=row.button[1])
            else:
                column.label(text=row.text, icon=row.icon)
        column.separator()
        column.prop(self, "connect_at_start")
        column.prop(self, "home")
        if os.environ.get("KAPELLE_HOME"):
            column.label(text="KAPELLE_HOME is set: %s" % home.folder(), icon="INFO")
        column.prop(self, "tick_ms")
        column.separator()
        column.prop(self, "direct")
        row = column.row()
        row.active = self.direct
        row.prop(self, "direct_port")
        told = "Its clients have no token: any program on this machine that connects can run code in this Blender."
        column.label(text=told, icon="ERROR" if self.direct else "INFO")
        column.label(text="Kapelle only talks to this machine, and works with Blender's online access switched off.")


def register():
    if bpy.context.preferences.addons.get(__package__) is not None:
        bpy.utils.register_class(KAPELLE_preferences)


def unregister():
    if KAPELLE_preferences.is_registered:
        bpy.utils.unregister_class(KAPELLE_preferences)
