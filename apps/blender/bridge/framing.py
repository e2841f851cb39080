# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a camera so that things fill its picture.

In: a camera, points in world space, a margin. Out: the camera at the nearest place from which all of them are
seen, looking where it looked before (or from the side that was asked). Exact for perspective and orthographic
cameras, with their shift and the picture's format.
"""

import bpy
from mathutils import Vector

from .bridgekit.problem import Problem

# Side -> where the camera looks to.
SIDES = {
    "front": (0.0, 1.0, 0.0),
    "back": (0.0, -1.0, 0.0),
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "top": (0.0, 0.0, -1.0),
    "bottom": (0.0, 0.0, 1.0),
    "three_quarter": (-0.75, 0.9, -0.55),
}
# Instances (particles, collections shown by an empty) that are looked at; more would not change the picture.
INSTANCES_MAX = 100_000
# How far from one point alone, in metres.
POINT_DISTANCE = 5.0
# Types whose size is that of their sign in the viewport, and not in the picture.
_SIGNS = ("CAMERA", "LIGHT", "EMPTY", "ARMATURE", "SPEAKER", "LIGHT_PROBE", "LATTICE")


def corners(wanted=None):
    """Corners of the bounds, in world space, of what the active scene shows; of these objects only where given."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    names = None if wanted is None else {one.name for one in wanted}
    found = []
    for number, one in enumerate(graph.object_instances):
        if number >= INSTANCES_MAX:
            break
        shown = one.instance_object if one.is_instance else one.object
        owner = one.parent if one.is_instance else one.object
        if shown.type in _SIGNS or (names is not None and owner.original.name not in names):
            continue
        found += [one.matrix_world @ Vector(corner) for corner in shown.bound_box]
    seen = [one for one in wanted or () if one.type in ("EMPTY", "LIGHT", "ARMATURE", "SPEAKER")]
    found += [one.matrix_world.translation.copy() for one in seen]
    if not found and wanted:  # hidden in the viewport: where they are all the same
        found = [one.matrix_world @ Vector(corner) for one in wanted for corner in one.bound_box]
    return found


def turn(camera, side):
    """Turns a camera so that it looks from that side."""
    direction = Vector(SIDES[side])
    turned = direction.to_track_quat("-Z", "Y").to_matrix().to_4x4()
    turned.translation = camera.matrix_world.translation
    camera.matrix_world = turned
    bpy.context.view_layer.update()


def fit(camera, points, margin):
    """Moves it; an orthographic one also gets the scale. Raises arguments_invalid for a panorama."""
    if camera.data.type not in ("PERSP", "ORTHO"):
        raise Problem(
            "arguments_invalid", "A %s camera cannot be framed." % camera.data.type.lower(), hint="Use another kind."
        )
    bpy.context.view_layer.update()
    # Without the scale of its parents: what the camera sees does not depend on it.
    place, turned, _scale = camera.matrix_world.decompose()
    seen = [turned.inverted() @ point for point in points]
    if camera.data.type == "ORTHO":
        spot = _fit_ortho(camera, seen, margin)
    else:
        spot = _fit_perspective(camera, seen, margin)
    moved = camera.matrix_world.copy()
    moved.translation = turned @ spot
    camera.matrix_world = moved
    nearest = spot.z - max(point.z for point in seen)
    farthest = spot.z - min(point.z for point in seen)
    data = camera.data
    if farthest > data.clip_end:
        data.clip_end = farthest * 1.1
    if nearest < data.clip_start:
        data.clip_start = max(nearest * 0.5, 1e-6)
    bpy.context.view_layer.update()


def _fit_perspective(camera, seen, margin):
    """The place, in the camera's own axes. A point (x, y, z) is inside when for each side of the picture
    x - cx <= t (cz - z), with t the tangent of that side: so cz has a least value, for each pair of sides."""
    frame = camera.data.view_frame(scene=bpy.context.scene)
    far = -frame[0].z
    sides = []
    for axis in (0, 1):
        low, high = (pick(corner[axis] for corner in frame) / far for pick in (min, max))
        inset = (high - low) * margin
        sides.append((low + inset, high - inset))
    ends = []
    for axis, (low, high) in enumerate(sides):
        upper = max(point[axis] + high * point.z for point in seen)
        lower = min(point[axis] + low * point.z for point in seen)
        ends.append((lower, upper, low, high))
    depth = max((upper - lower) / (high - low) for lower, upper, low, high in ends)
    if depth - max(point.z for point in seen) < 1e-6:  # one point alone would have no distance at all
        depth += POINT_DISTANCE
    middle = [((upper - high * depth) + (lower - low * depth)) / 2.0 for lower, upper, low, high in ends]
    return Vector((middle[0], middle[1], depth))


def _fit_ortho(camera, seen, margin):
    frame = camera.data.view_frame(scene=bpy.context.scene)
    scale = camera.data.ortho_scale
    factor, middle = 0.0, []
    for axis in (0, 1):
        low, high = (pick(corner[axis] for corner in frame) / scale for pick in (min, max))
        least, most = (pick(point[axis] for point in seen) for pick in (min, max))
        factor = max(factor, (most - least) / ((high - low) * (1.0 - 2.0 * margin)))
        middle.append(((least + most) / 2.0, (low + high) / 2.0))
    factor = factor or scale
    camera.data.ortho_scale = factor
    extent = max(point.z for point in seen) - min(point.z for point in seen)
    depth = max(point.z for point in seen) + max(extent, factor, camera.data.clip_start * 2.0)
    return Vector((*(centre - shift * factor for centre, shift in middle), depth))
