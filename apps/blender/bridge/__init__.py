# SPDX-License-Identifier: GPL-3.0-or-later
"""Kapelle's bridge inside Blender: connects this Blender to the hub on the same machine.

As an add-on `register` starts it in a window; without a window boot.py does. Importing it does nothing.
"""

import os

bl_info = {
    "name": "Kapelle",
    "author": "The Kapelle authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Runs by itself",
    "description": "Lets agents and scripts drive this Blender through the Kapelle hub on this machine",
    "category": "System",
}


def register():
    """Starts the bridge in a Blender with a window. In background boot.py starts it, or nothing does."""
    import bpy

    if bpy.app.background or os.environ.get("KAPELLE_CHILD"):
        return
    from . import pump

    pump.start()


def unregister():
    """Disconnects and takes everything back."""
    import bpy

    if bpy.app.background or os.environ.get("KAPELLE_CHILD"):
        return
    from . import pump

    pump.stop()
