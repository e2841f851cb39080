# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of objects with what hangs below them.

In: an object. Out: its copies, linked into the same collections. A copy that is not linked has data and keyframes
of its own; materials are shared, as in Blender. References between things that were copied together (a parent,
a modifier's target) lead to the copies.
"""

import bpy

from . import versions


def duplicate(one, linked=False, children=False, home=None):
    """A copy; `home` is the collection that it goes into, else those of the original."""
    wanted = [one, *one.children_recursive] if children else [one]
    made = {}
    for each in wanted:
        copy = each.copy()
        if each.data is not None and not linked:
            copy.data = each.data.copy()
            versions.own_action(copy.data)
        if not linked:
            versions.own_action(copy)
        for collection in [home] if home is not None else each.users_collection:
            collection.objects.link(copy)
        made[each] = copy
    for each, copy in made.items():
        if each.parent in made:
            inverse = each.matrix_parent_inverse.copy()
            copy.parent = made[each.parent]
            copy.parent_type, copy.parent_bone = each.parent_type, each.parent_bone
            copy.matrix_parent_inverse = inverse  # a new parent clears it
        _point_to_copies(copy, made)
    return made[one]


def single(one):
    """Gives an object data of its own where it shares them."""
    if one.data is not None and one.data.users > 1:
        one.data = one.data.copy()


def _point_to_copies(copy, made):
    for part in [*copy.modifiers, *copy.constraints]:
        for prop in part.bl_rna.properties:
            if prop.type != "POINTER" or prop.is_readonly or prop.fixed_type != bpy.types.Object.bl_rna:
                continue
            target = getattr(part, prop.identifier)
            if target in made:
                setattr(part, prop.identifier, made[target])
