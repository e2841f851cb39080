# SPDX-License-Identifier: GPL-3.0-or-later
"""Where objects are and what they look at. Angles come and go in degrees, as XYZ Euler angles."""

import math

import bpy
from mathutils import Euler, Quaternion, Vector

from . import names
from .bridgekit.problem import Problem


def place(one, location=None, rotation=None, scale=None):
    """Sets what is given, in the space of its parent. Keeps the object's own rotation mode."""
    if location is not None:
        one.location = location
    if rotation is not None:
        _set_rotation(one, Euler([math.radians(angle) for angle in rotation], "XYZ").to_quaternion())
    if scale is not None:
        one.scale = scale


def move(one, location=None, rotation=None, scale=None):
    """Adds the location, turns by the rotation around the axes of its parent, multiplies the scale."""
    if location is not None:
        one.location = Vector(one.location) + Vector(location)
    if rotation is not None:
        turn = Euler([math.radians(angle) for angle in rotation], "XYZ").to_quaternion()
        _set_rotation(one, turn @ _rotation(one))
    if scale is not None:
        one.scale = [have * factor for have, factor in zip(one.scale, scale)]


def degrees(one):
    """The object's rotation as XYZ Euler angles in degrees, to what single precision holds."""
    euler = one.rotation_euler if one.rotation_mode == "XYZ" else _rotation(one).to_euler("XYZ")
    return [round(math.degrees(angle), 4) + 0.0 for angle in euler]


def point_of(target, what="target"):
    """A point in world space: three numbers, or the name of an object. Raises arguments_invalid or not_found."""
    if isinstance(target, str):
        bpy.context.view_layer.update()
        return centre(names.object_named(target))
    try:
        x, y, z = (float(number) for number in target)
    except (TypeError, ValueError):
        raise Problem(
            "arguments_invalid",
            "`%s` cannot be this: %r." % (what, target),
            hint="Pass the name of an object or three numbers, such as [0, 0, 1].",
        ) from None
    return Vector((x, y, z))


def centre(one):
    """The middle of what is seen of an object, in world space; its origin where nothing is."""
    if one.type in ("EMPTY", "CAMERA", "LIGHT", "ARMATURE", "SPEAKER"):
        return one.matrix_world.translation.copy()
    corners = [one.matrix_world @ Vector(corner) for corner in one.bound_box]
    return sum(corners, Vector()) / len(corners)


def look_at(one, point):
    """Turns a camera or light so that it looks at a point of the world, with its head up."""
    bpy.context.view_layer.update()
    direction = point - one.matrix_world.translation
    if direction.length < 1e-6:
        raise Problem(
            "arguments_invalid",
            "%r is at the point it should look at." % one.name,
            hint="Pass a different location or target.",
        )
    turn = direction.to_track_quat("-Z", "Y")
    if one.parent is not None:
        turn = (one.parent.matrix_world @ one.matrix_parent_inverse).to_quaternion().inverted() @ turn
    _set_rotation(one, turn)
    bpy.context.view_layer.update()


def collection_for(name=None):
    """The collection of that name, or the active one. Raises not_found, or call_failed when none is usable."""
    if name is not None:
        return names.find(bpy.data.collections, "collection", name)
    return bpy.context.view_layer.active_layer_collection.collection


def leave_edit_mode():
    """Back to object mode, where objects can be made and removed."""
    active = bpy.context.view_layer.objects.active
    if active is None or active.mode == "OBJECT":
        return
    with bpy.context.temp_override(active_object=active, object=active):
        if not bpy.ops.object.mode_set.poll():
            raise Problem(
                "call_failed",
                "%r is in %s mode, and Blender does not let it leave that mode now."
                % (active.name, active.mode.lower()),
                hint="Make it visible, or leave the mode by hand.",
            )
        bpy.ops.object.mode_set(mode="OBJECT")


def activate(one):
    """Selects only this object and makes it the active one, where the view layer shows it."""
    layer = bpy.context.view_layer
    layer.update()
    if one.name not in layer.objects:
        return
    for other in [*layer.objects.selected]:
        other.select_set(False)
    one.select_set(True)
    layer.objects.active = one
    layer.update()


def _rotation(one):
    if one.rotation_mode == "QUATERNION":
        return one.rotation_quaternion.copy()
    if one.rotation_mode == "AXIS_ANGLE":
        angle, x, y, z = one.rotation_axis_angle
        return Quaternion((x, y, z), angle)
    return one.rotation_euler.to_quaternion()


def _set_rotation(one, turn):
    if one.rotation_mode == "QUATERNION":
        one.rotation_quaternion = turn
    elif one.rotation_mode == "AXIS_ANGLE":
        axis, angle = turn.to_axis_angle()
        one.rotation_axis_angle = (angle, axis.x, axis.y, axis.z)
    else:
        one.rotation_euler = turn.to_euler(one.rotation_mode)
