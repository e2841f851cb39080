# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's values as JSON.

In: a value that a caller's code returned. Out: (True, JSON), or (False, None) for what is not Blender's.
An ID becomes {"$type": "Object", "name": "Cube"}, so that the name can be used in the next call; vectors and
matrices become lists; an Euler is in radians, as Blender has it. It follows no references into depth.
"""

import bpy
import mathutils

from .bridgekit.problem import Problem

# Items of one collection that are told; the rest is counted. More than a person reads of a list.
ITEMS_MAX = 1000
# Depth of nested custom properties that is followed; deeper ones are told by their repr.
DEPTH_MAX = 16

_VECTORS = (mathutils.Vector, mathutils.Color, mathutils.Quaternion, mathutils.Euler)


def convert(value, call=None):
    """(True, JSON) for bpy and mathutils values, else (False, None). `call` is not needed."""
    # By type, not by isinstance: that asks the value for its class, which a removed one refuses in 3.x.
    kind = type(value)
    if issubclass(kind, _VECTORS):
        return True, [float(number) for number in value]
    if issubclass(kind, mathutils.Matrix):
        return True, [[float(number) for number in row] for row in value]
    if issubclass(kind, bpy.types.bpy_struct):
        return True, struct(value)
    if issubclass(kind, bpy.types.bpy_prop_collection):
        return True, collection(value)
    if issubclass(kind, bpy.types.bpy_prop_array):
        return True, _nested(value, DEPTH_MAX)
    if kind.__name__ in ("IDPropertyGroup", "IDPropertyArray"):
        return True, _nested(value, DEPTH_MAX)
    return False, None


def struct(value):
    """A bpy_struct by type and name; what has no name by the path that leads to it."""
    kind = type(value).__name__
    try:
        told = repr(value)
        if told.endswith(" invalid>"):
            return {"$type": kind, "removed": True}
        found = {"$type": kind}
        name = getattr(value, "name", None)
        if isinstance(name, str):
            found["name"] = name
        if isinstance(value, bpy.types.ID):
            if value.library is not None:
                found["library"] = value.library.filepath
        elif told.startswith("bpy.data."):
            found["path"] = told
        return found
    except ReferenceError:
        return {"$type": kind, "removed": True}


def collection(value):
    """A list of its items; a longer one as {"$type": "collection", "count", "items"}."""
    try:
        items = [_item(item) for item in value[:ITEMS_MAX]]
        count = len(value)
    except ReferenceError:
        return {"$type": "collection", "removed": True}
    if count <= ITEMS_MAX:
        return items
    return {"$type": "collection", "count": count, "items": items}


def properties(owner):
    """The custom properties of an ID or bone as a dict of JSON; without those of add-ons and the UI."""
    found = {}
    for key, value in owner.items():
        if key in ("_RNA_UI", "cycles", "cycles_visibility"):
            continue
        found[key] = _nested(value, DEPTH_MAX)
    return found


def set_properties(owner, given):
    """Sets custom properties; null takes one away. Raises arguments_invalid."""
    for key, value in given.items():
        if value is None:
            if key in owner:
                del owner[key]
            continue
        try:
            owner[key] = value
        except (TypeError, ValueError, OverflowError, KeyError) as error:
            raise Problem(
                "arguments_invalid",
                "The property %r cannot be this: %s." % (key, error),
                hint="A property can hold numbers, texts, lists of either, and objects of these.",
            ) from None


def _item(value):
    known, told = convert(value)
    return told if known else _nested(value, DEPTH_MAX)


def _nested(value, depth):
    """Arrays and groups of custom properties, inside out."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == 0:
        return repr(value)
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {str(key): _nested(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, "to_list") or isinstance(value, bpy.types.bpy_prop_array):
        return [_nested(inner, depth - 1) for inner in value]
    if isinstance(value, bpy.types.bpy_struct):
        return struct(value)
    if isinstance(value, _VECTORS + (mathutils.Matrix,)):
        return convert(value)[1]
    return repr(value)
