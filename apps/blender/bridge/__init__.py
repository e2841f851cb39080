# SPDX-License-Identifier: GPL-3.0-or-later
"""Kapelle's bridge inside Blender: connects this Blender to the hub on the same machine.

As an add-on (bl_info for 3.x, blender_manifest.toml for 4.2 and newer) Blender calls `register`; boot.py does so too
in a window. What happens then is in addon.py. Importing it does nothing.
"""

import importlib
import os
import sys

bl_info = {
    "name": "Kapelle",
    "author": "The Kapelle authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > Kapelle",
    "description": "Lets agents and scripts drive this Blender through the Kapelle hub on this machine",
    "category": "System",
}


def __getattr__(name):
    """As an add-on of the old kind this package is called `kapelle`, and code that imports it means what every
    namespace has: bridgekit/kapelle_module.py."""
    if name in ("progress", "log"):
        return getattr(importlib.import_module(__name__ + ".bridgekit.kapelle_module"), name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def register():
    """Shows the panel and connects, in a Blender with a window; in one of our own children nothing happens."""
    if not os.environ.get("KAPELLE_CHILD"):
        importlib.import_module(__name__ + ".addon").register()


def unregister():
    """Disconnects and takes everything back, the modules as well: a newer version in the same place is loaded
    whole when it is enabled."""
    addon = sys.modules.get(__name__ + ".addon")
    if addon is None:
        return
    addon.unregister()
    for name in [one for one in sys.modules if one.startswith(__name__ + ".")]:
        module = sys.modules.pop(name)
        parent, _, own = name.rpartition(".")
        if parent == __name__ and globals().get(own) is module:
            del globals()[own]
