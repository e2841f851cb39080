# SPDX-License-Identifier: GPL-3.0-or-later
"""Which switches the animation of the open file may turn: keys and drivers lead to them by their names.

In: the end of such a way, as "is_sequence". Out: whether any curve or driver ends so, wherever it begins: one can lead
from a thing into another one, as from an object into its data.
"""

import bpy

from . import versions


def may_turn(name):
    """Whether anything animates a property of that name."""
    ends = (name, name + '"]')
    return any(one.data_path.endswith(ends) for home in _homes() for one in home)


def _homes():
    for action in bpy.data.actions:
        yield from versions.homes_of_curves(action)
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION" and prop.identifier != "all_ids":
            for one in getattr(bpy.data, prop.identifier):
                for part in (one, getattr(one, "node_tree", None)):
                    data = getattr(part, "animation_data", None)
                    if data is not None:
                        yield data.drivers
