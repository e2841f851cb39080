# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes: what can be animated of a thing, under names that people use.

In: a name of a thing, what it is (`of`), and a path such as "location.z", "rotation", "base_color", "lens" or any
path of Blender's. Out: a `Track` that sets, keys and reads values, or a Problem. Angles are degrees.
Curves themselves are found by versions.py, since actions have slots in newer Blenders.
"""

import math
import re

import bpy

from . import names, placing, settings, versions
from .bridgekit.problem import Problem

OF = ("object", "data", "material", "world", "scene", "shape_key")
_AXES = {"x": 0, "y": 1, "z": 2, "w": 3}
_AXIS = re.compile(r"^(.+?)(?:\.([xyzw])|\[(\d+)\])$")
_LAST = re.compile(r"^(?:(.*)\.)?(\w+)$")


class Track:
    """One property of one thing, or one number of it (`index`)."""

    def __init__(self, owner, path, index=-1, euler=False):
        self.owner = owner
        self.path = path
        self.index = index
        self.part, self.prop = _resolve(owner, path)
        self.euler = euler  # values are XYZ Euler angles, whatever the object keeps
        self.custom = self.prop is None
        if not self.custom and not self.prop.is_animatable:
            raise Problem("arguments_invalid", "%r cannot be animated." % path)
        if not self.custom and self.prop.type not in ("BOOLEAN", "INT", "FLOAT", "ENUM"):
            raise Problem("arguments_invalid", "%r is %s and cannot be animated." % (path, self.prop.type.lower()))
        size = len(self._now()) if hasattr(self._now(), "__len__") and not isinstance(self._now(), str) else 0
        self.size = size if index < 0 else 0
        if index >= 0 and index >= size:
            raise Problem("arguments_invalid", "%r has no component %d." % (path, index))

    def check(self, value):
        """Raises arguments_invalid for a value of the wrong form."""
        if self.size:
            wanted = 3 if self.euler else self.size
            short = self.size == 4 and isinstance(value, (list, tuple)) and len(value) == 3  # a colour without alpha
            if not isinstance(value, (list, tuple)) or (len(value) != wanted and not short):
                raise Problem(
                    "arguments_invalid", "%r cannot be %r." % (self.path, value), hint="It takes %d numbers." % wanted
                )
        parts = value if self.size else [value]
        if not self.custom and self.prop.type == "ENUM":
            return
        if not all(isinstance(one, (int, float, bool)) and math.isfinite(one) for one in parts):
            raise Problem("arguments_invalid", "%r cannot be %r." % (self.path, value), hint="It takes numbers.")

    def put(self, value):
        """Sets the value now."""
        if self.euler:
            placing.place(self.owner, rotation=value)
            return
        if self.size:
            value = [self._inwards(one) for one in value]
            value += [1.0] * (self.size - len(value))
        else:
            value = self._inwards(value)
        if self.index >= 0:
            self._now()[self.index] = value
            return
        try:
            if self.custom:
                self.part[_custom(self.path)] = value
            else:
                setattr(self.part, self.prop.identifier, value)
        except (TypeError, ValueError) as error:
            raise Problem("arguments_invalid", "%r cannot be %r: %s" % (self.path, value, error)) from None

    def key(self, frame):
        """A keyframe with the value of now."""
        try:
            done = self.owner.keyframe_insert(self.path, index=self.index, frame=frame)
        except (TypeError, RuntimeError) as error:
            raise Problem("arguments_invalid", "%r cannot be animated: %s" % (self.path, error)) from None
        if not done:
            raise Problem(
                "call_failed", "Blender did not insert a keyframe for %r." % self.path, hint="Its action may be locked."
            )

    def curves(self):
        """Those that animate it."""
        found = [one for one in versions.curves(self.owner) if one.data_path == self.path]
        return [one for one in found if self.index < 0 or one.array_index == self.index]

    def _now(self):
        return self.part[_custom(self.path)] if self.custom else getattr(self.part, self.prop.identifier)

    def _inwards(self, number):
        if self.custom:
            return number
        if settings.is_angle(self.prop):
            return math.radians(number)
        if self.prop.type == "BOOLEAN":
            return bool(number)
        return int(number) if self.prop.type == "INT" else number


def track(of, name, path):
    """The Track of a thing's property. Raises not_found or arguments_invalid."""
    owner = owner_of(of, name)
    found = _AXIS.match(path)
    index = -1
    if found:
        path, axis, number = found.groups()
        index = _AXES[axis] if axis else int(number)
    if of == "object" and path == "rotation":
        return _rotation(owner, index)
    if of == "shape_key":
        names.find(owner.key_blocks, "shape key", path)
        return Track(owner, 'key_blocks["%s"].value' % bpy.utils.escape_identifier(path))
    if of == "material" and path in versions.PRINCIPLED:
        return _input(
            versions.use_nodes(owner), versions.principled_input(versions.principled(owner), path), path, index
        )
    if of == "world" and path in ("color", "strength"):
        node = versions.background(owner)
        return _input(versions.use_nodes(owner), node.inputs["Color" if path == "color" else "Strength"], path, index)
    return Track(owner, path, index)


def owner_of(of, name):
    """What carries the keyframes. Raises not_found."""
    if of == "material":
        return names.find(bpy.data.materials, "material", name)
    if of == "world":
        return names.find(bpy.data.worlds, "world", name)
    if of == "scene":
        return names.scene_named(name)
    one = names.object_named(name)
    if of == "object":
        return one
    if one.data is None:
        raise Problem("arguments_invalid", "%r is an empty and has no data." % name, hint="Leave out `of`.")
    if of == "data":
        return one.data
    if getattr(one.data, "shape_keys", None) is None:
        raise Problem("not_found", "%r has no shape keys." % name)
    return one.data.shape_keys


def owners(of, name):
    """All that may carry keyframes of that thing: a material's nodes as well."""
    one = owner_of(of, name)
    tree = one.node_tree if of in ("material", "world") else None
    return [one, tree] if tree is not None else [one]


def describe(owner, curve, most):
    """A curve as JSON, with at most so many keyframes."""
    part, prop = _resolve(owner, curve.data_path, quietly=True)
    angle = prop is not None and settings.is_angle(prop)
    told = {"path": curve.data_path, "index": curve.array_index, "owner": owner.name}
    if angle:
        told["unit"] = "degrees"
    told["keys"] = [
        {
            "frame": round(one.co.x, 4),
            "value": _rounded(one.co.y, angle),
            "interpolation": one.interpolation.lower(),
        }
        for one in curve.keyframe_points[:most]
    ]
    told["count"] = len(curve.keyframe_points)
    if any(one.type == "CYCLES" for one in curve.modifiers):
        told["repeats"] = True
    elif curve.extrapolation == "LINEAR":
        told["continues"] = True
    return told


def _rotation(owner, index):
    if owner.rotation_mode in ("QUATERNION", "AXIS_ANGLE"):
        if index >= 0:
            raise Problem(
                "arguments_invalid",
                "%r has no angle per axis (%s)." % (owner.name, owner.rotation_mode.lower()),
                hint="Animate the whole rotation, or set its rotation_mode to XYZ with object.set.",
            )
        path = "rotation_quaternion" if owner.rotation_mode == "QUATERNION" else "rotation_axis_angle"
        return Track(owner, path, euler=True)
    # Per axis the numbers are the object's own; a whole rotation is XYZ whatever their order is.
    return Track(owner, "rotation_euler", index, euler=False if owner.rotation_mode == "XYZ" else index < 0)


def _input(tree, socket, path, index):
    if socket is None:
        raise Problem("not_supported", "Materials in Blender %s have no %s." % (versions.text(), path))
    return Track(tree, socket.path_from_id("default_value"), index)


def _resolve(owner, path, quietly=False):
    """(the struct, the RNA property, or None for a custom one)."""
    if path.endswith("]"):
        head, _, custom = path.rpartition("[")
        part = _follow(owner, head, path, quietly)
        if part is not None and custom[:-1].strip("\"'") in part:
            return part, None
        if quietly:
            return None, None
        raise Problem("not_found", "There is no %r." % path, hint=names.near(custom[:-1].strip("\"'"), part.keys()))
    found = _LAST.match(path)
    head, last = found.groups() if found else ("", path)
    part = _follow(owner, head or "", path, quietly)
    prop = part.bl_rna.properties.get(last) if part is not None else None
    if prop is None and not quietly:
        known = [one.identifier for one in part.bl_rna.properties if one.is_animatable and not one.is_readonly]
        raise Problem(
            "not_found",
            "%s has no property %r." % (type(part).__name__, last),
            hint=names.near(last, ["rotation", *known] if isinstance(part, bpy.types.Object) else known),
        )
    return part, prop


def _follow(owner, head, path, quietly):
    if not head:
        return owner
    try:
        found = owner.path_resolve(head)
    except (ValueError, KeyError, IndexError):
        found = None
    if not isinstance(found, bpy.types.bpy_struct) or isinstance(found, bpy.types.ID) and found != owner:
        if quietly:
            return None
        raise Problem(
            "not_found",
            "%r does not exist in %r." % (path, owner.name),
            hint='For example location, rotation.z, hide_render, modifiers["Bevel"].width, ["my property"].',
        )
    return found


def _rounded(number, angle):
    """To what single precision holds."""
    return (round(math.degrees(number), 4) if angle else round(number, 6)) + 0.0


def _custom(path):
    return path.rpartition("[")[2][:-1].strip("\"'")
