# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of an object's data: applied transforms, origins, shading, joining and converting.

In: objects. Out: nothing, or a Problem that says what stands in the way. Where data are shared by several objects
nothing happens, unless the caller wants a copy of its own.
"""

import math

import bmesh
import bpy
from mathutils import Vector

from . import copying, operating, placing, versions
from .bridgekit.problem import Problem

SHADINGS = ("smooth", "flat", "auto")
# Types whose origin can be moved without moving what is seen of them.
_WITH_POINTS = ("MESH", "CURVE", "SURFACE", "FONT", "META", "LATTICE", "ARMATURE", "CURVES")
# Types that can become a mesh or a curve.
_CONVERTIBLE = ("MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES")


def apply_transform(objects, location, rotation, scale, single_user):
    """The transform goes into the data: the object looks the same and stands unturned and unscaled."""
    for one in objects:
        _own(one, single_user, "applied")
    with operating.chosen(objects):
        operating.run(bpy.ops.object.transform_apply, location=location, rotation=rotation, scale=scale)


def set_origin(one, to, single_user):
    """Moves the origin; what is seen stays. `to`: geometry, bottom, center, world, or a point."""
    if one.type not in _WITH_POINTS or one.data is None:
        raise Problem(
            "arguments_invalid",
            "%r is a %s, which has nothing but its origin." % (one.name, one.type.lower()),
            hint="Move it with object.transform.",
        )
    _own(one, single_user, "moved")
    placing.leave_edit_mode()
    bpy.context.view_layer.update()
    point = _origin(one, to)
    below = [(each, each.matrix_world.copy()) for each in one.children]
    cursor = bpy.context.scene.cursor
    before = cursor.location.copy()
    try:
        cursor.location = point
        with operating.chosen([one]):
            operating.run(bpy.ops.object.origin_set, type="ORIGIN_CURSOR")
    finally:
        cursor.location = before
    bpy.context.view_layer.update()
    for each, place in below:
        each.matrix_world = place


def join(objects, into, single_user):
    """Puts the data of all into one of them; the others are gone."""
    kinds = {one.type for one in objects}
    if len(kinds) > 1 or into.type not in ("MESH", "CURVE", "SURFACE", "ARMATURE"):
        raise Problem(
            "arguments_invalid",
            "These cannot be joined: %s." % ", ".join("%r is a %s" % (o.name, o.type.lower()) for o in objects[:8]),
            hint="All must be meshes, or all curves. Convert them with object.convert.",
        )
    _own(into, single_user, "joined into")
    with operating.chosen(objects, into):
        operating.run(bpy.ops.object.join)


def convert(one, to):
    """Makes a mesh or a curve of it; for a mesh its modifiers are applied."""
    if one.type not in _CONVERTIBLE:
        raise Problem(
            "arguments_invalid",
            "A %s cannot become a %s." % (one.type.lower(), to),
            hint="Meshes, curves, surfaces, texts and metaballs can be converted.",
        )
    copying.single(one)
    with operating.chosen([one]):
        operating.run(bpy.ops.object.convert, target=to.upper())


def shade(one, how, angle):
    """Smooth, flat, or smooth with edges that are sharper than the angle (degrees) kept."""
    if one.type == "CURVE":
        for spline in one.data.splines:
            spline.use_smooth = how != "flat"
        return
    if one.type != "MESH":
        raise Problem(
            "arguments_invalid",
            "%r is a %s and has no faces to shade." % (one.name, one.type.lower()),
            hint="Only meshes and curves have shading.",
        )
    placing.leave_edit_mode()
    mesh = one.data
    mesh.polygons.foreach_set("use_smooth", [how != "flat"] * len(mesh.polygons))
    if how == "auto":
        _mark_sharp(mesh, math.radians(angle))
    versions.use_sharp_edges(mesh, how == "auto")
    if how == "smooth":
        mesh.edges.foreach_set("use_edge_sharp", [False] * len(mesh.edges))
    mesh.update()


def _mark_sharp(mesh, angle):
    shape = bmesh.new()
    try:
        shape.from_mesh(mesh)
        for edge in shape.edges:
            edge.smooth = len(edge.link_faces) != 2 or edge.calc_face_angle(0.0) <= angle
        shape.to_mesh(mesh)
    finally:
        shape.free()


def _origin(one, to):
    corners = [Vector(corner) for corner in one.bound_box]
    centre = sum(corners, Vector()) / len(corners)
    if to == "center":
        return one.matrix_world @ centre
    if to == "bottom":
        placed = [one.matrix_world @ corner for corner in corners]
        middle = one.matrix_world @ centre
        return Vector((middle.x, middle.y, min(each.z for each in placed)))
    if to == "world":
        return Vector((0.0, 0.0, 0.0))
    if to == "geometry":
        points = [each.co for each in one.data.vertices] if one.type == "MESH" else []
        return one.matrix_world @ (sum(points, Vector()) / len(points) if points else centre)
    return placing.point_of(to, "to")


def _own(one, single_user, verb):
    if one.data is None or one.data.users <= 1:
        return
    if not single_user:
        sharing = [each.name for each in bpy.data.objects if each.data == one.data and each != one]
        raise Problem(
            "call_failed",
            "%r shares its data with %s: they would be %s too." % (one.name, ", ".join(sharing[:8]) or "others", verb),
            hint="Pass single_user=true to give it its own data first.",
        )
    copying.single(one)
