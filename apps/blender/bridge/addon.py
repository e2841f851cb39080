# SPDX-License-Identifier: GPL-3.0-or-later
"""Kapelle as an add-on: what Blender calls when it is enabled and disabled. boot.py comes this way too.

In: `register` and `unregister`. Out: the panel, the operators, and the bridge, connected when the preferences say so
(connection.py). In background nothing dials, unless KAPELLE_ADDON_DIAL=1: then the link connects, for a check of an
installation, and no call runs.
"""

import os

import bpy

from . import connection, operators, panel, preferences, pump


def register():
    preferences.register()
    if bpy.app.background:
        if os.environ.get("KAPELLE_ADDON_DIAL") == "1":
            pump.dial(preferences.told().home)
        return
    connection.set_parts(preferences.told, (operators, panel))
    connection.start_soon(preferences.told().connect_at_start or bool(os.environ.get("KAPELLE_LAUNCH")))


def unregister():
    connection.leave()
    preferences.unregister()
