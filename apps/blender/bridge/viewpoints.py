# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to look from: named views of a scene as matrices, with what shall be seen in the frame.

In: a view's name, the scene, names of objects. Out: a `View`: a view matrix and a projection. Azimuth 0 looks from
the front (from -Y), 90 from the right (from +X); elevation 90 from above. It draws nothing and changes nothing.
"""

import math

import bpy
from mathutils import Euler, Matrix, Vector

from . import names
from .bridgekit.problem import Problem

# Name -> (azimuth, elevation, whether it is a parallel projection).
NAMED = {
    "front": (0.0, 0.0, True),
    "right": (90.0, 0.0, True),
    "back": (180.0, 0.0, True),
    "left": (-90.0, 0.0, True),
    "top": (0.0, 90.0, True),
    "bottom": (0.0, -90.0, True),
    "persp": (40.0, 25.0, False),
}
# The angle that a perspective view sees along its longer side.
ANGLE = math.radians(40.0)
# Room around what is framed.
MARGIN = 1.08
# Instances whose bounds are looked at; a forest of more is framed by its first ones.
INSTANCES_MAX = 20_000
# Objects without a surface do not count for what is in the frame, unless they are named.
_BODILESS = ("EMPTY", "CAMERA", "LIGHT", "SPEAKER", "ARMATURE", "LATTICE", "LIGHT_PROBE")


class View:
    """`label` for a sheet; `matrix` from the world to the eye; `projection`; `camera`: its name, if it is one's."""

    __slots__ = ("label", "matrix", "projection", "place", "lens", "camera")

    def __init__(self, label, matrix, projection, place, lens, camera=None):
        self.label = label
        self.matrix = matrix
        self.projection = projection
        self.place = place  # matrix of a camera that sees the same
        self.lens = lens  # {"ortho_scale" or "angle", "clip"}: along the longer side
        self.camera = camera


class Framing:
    """What shall be seen: the corners of the named objects, or of everything that has a body."""

    def __init__(self, objects=None):
        wanted = {names.object_named(one).name for one in objects or ()}
        bpy.context.view_layer.update()
        self.corners, everything = _corners(wanted)
        if wanted and not self.corners:
            raise Problem(
                "not_found",
                "Nothing of %s is visible." % ", ".join(map(repr, sorted(wanted))),
                hint="It may be hidden, or in a collection that this view layer excludes.",
            )
        everything = everything or self.corners
        if not self.corners:
            self.corners = everything = [Vector((x, y, z)) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
        low = Vector([min(one[axis] for one in self.corners) for axis in range(3)])
        high = Vector([max(one[axis] for one in self.corners) for axis in range(3)])
        self.centre = (low + high) / 2.0
        self.radius = max((high - low).length / 2.0, 1e-4)
        self.reach = max((one - self.centre).length for one in everything)

    def view(self, azimuth, elevation, flat, width, height, label):
        """The View from that direction with everything framed in a picture of that shape."""
        turn = Euler((math.radians(90.0 - elevation), 0.0, math.radians(azimuth))).to_matrix()
        seen = [turn.inverted() @ (one - self.centre) for one in self.corners]
        longer = max(width, height)
        wide, high = width / longer, height / longer
        if flat:
            half = max(max(abs(one.x) / wide, abs(one.y) / high) for one in seen) * MARGIN
            half = max(half, self.radius * 1e-3)
            away = self.reach + self.radius
            near, far = away * 1e-3, 2.0 * away + self.reach
            projection = _parallel(half * wide, half * high, near, far)
            lens = {"ortho_scale": 2.0 * half, "clip": [near, far]}
        else:
            slope = math.tan(ANGLE / 2.0)
            away = max(max(abs(one.x) / wide, abs(one.y) / high) / slope * MARGIN + one.z for one in seen)
            away = max(away, self.radius * 1e-2)
            near = max((away - self.reach) * 0.5, away * 1e-2)
            far = away + 2.0 * self.reach
            projection = _perspective(slope * wide, slope * high, near, far)
            lens = {"angle": ANGLE, "clip": [near, far]}
        place = Matrix.Translation(self.centre + turn @ Vector((0.0, 0.0, away))) @ turn.to_4x4()
        return View(label, place.inverted(), projection, place, lens)


def named(name, framing, width, height, azimuth=None, elevation=None):
    """The View of that name. `framing` is a function that gives the Framing; "camera" needs none."""
    if name == "camera":
        return of_camera(bpy.context.scene, width, height)
    around, above, flat = NAMED[name]
    turned = azimuth is not None or elevation is not None
    around, above = around if azimuth is None else azimuth, above if elevation is None else elevation
    label = "%s %g %g" % (name, around, above) if turned else name
    return framing().view(around, above, flat and not turned, width, height, label)


def around(count, elevation, framing, width, height):
    """Views from all sides, the first from the front."""
    above = NAMED["persp"][1] if elevation is None else elevation
    steps = [number * 360.0 / count for number in range(count)]
    return [framing().view(one, above, False, width, height, "turn %g" % round(one, 1)) for one in steps]


def of_camera(scene, width, height):
    """What the scene's camera sees."""
    seen = scene.camera
    if seen is None:
        raise Problem("not_found", "The scene %r has no camera." % scene.name, hint="Create one with camera.create.")
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    place = seen.matrix_world.normalized()
    projection = seen.calc_matrix_camera(graph, x=width, y=height)
    return View("camera", place.inverted(), projection, place, None, seen.name)


def camera_shape(scene):
    """Height of a picture of the scene's camera for a width of one."""
    render = scene.render
    return (render.resolution_y * render.pixel_aspect_y) / (render.resolution_x * render.pixel_aspect_x)


def _corners(wanted):
    """(corners of the wanted, corners of everything) in world space."""
    mine, everything = [], []
    for number, one in enumerate(bpy.context.evaluated_depsgraph_get().object_instances):
        if number >= INSTANCES_MAX:
            break
        thing = one.object
        owner = one.parent if one.is_instance and one.parent is not None else thing
        named_one = owner.original.name in wanted
        if not one.show_self or (thing.type in _BODILESS and not named_one):
            continue
        if thing.type in _BODILESS:
            found = [one.matrix_world.translation.copy()]
        else:
            found = [one.matrix_world @ Vector(corner) for corner in thing.bound_box]
        found = [point for point in found if all(map(math.isfinite, point))]
        everything += found
        if named_one or not wanted:
            mine += found
    return mine, everything


def _perspective(right, top, near, far):
    depth = far - near
    return Matrix(
        (
            (1.0 / right, 0.0, 0.0, 0.0),
            (0.0, 1.0 / top, 0.0, 0.0),
            (0.0, 0.0, -(far + near) / depth, -2.0 * far * near / depth),
            (0.0, 0.0, -1.0, 0.0),
        )
    )


def _parallel(right, top, near, far):
    depth = far - near
    return Matrix(
        (
            (1.0 / right, 0.0, 0.0, 0.0),
            (0.0, 1.0 / top, 0.0, 0.0),
            (0.0, 0.0, -2.0 / depth, -(far + near) / depth),
            (0.0, 0.0, 0.0, 1.0),
        )
    )
