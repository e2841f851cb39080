# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a new object: meshes by bmesh, texts and curves.

In: a kind and its measures. Out: a mesh, a curve or None (for an empty). It links nothing into a scene.
"""

import math

import bmesh
import bpy

from .bridgekit.problem import Problem

# Kind -> the name that Blender's own menus give.
TITLES = {
    "cube": "Cube",
    "sphere": "Sphere",
    "ico_sphere": "Icosphere",
    "cylinder": "Cylinder",
    "cone": "Cone",
    "torus": "Torus",
    "plane": "Plane",
    "grid": "Grid",
    "circle": "Circle",
    "monkey": "Suzanne",
    "empty": "Empty",
    "text": "Text",
    "curve": "Curve",
}
# Kind -> segments where the caller does not say; those of Blender's menus.
SEGMENTS = {"sphere": 32, "ico_sphere": 2, "cylinder": 32, "cone": 32, "torus": 48, "grid": 10, "circle": 32}
# Subdivisions of an ico sphere: each makes it four times as large; 8 are 1.3 million faces.
ICO_MAX = 8


def title(kind):
    """The name of a new object of that kind."""
    return TITLES[kind]


class Shape:
    """The measures of a new object. Raises arguments_invalid for what makes no sense together."""

    def __init__(self, kind, size=2.0, depth=None, thickness=None, segments=None, smooth=False, text=None, points=None):
        if kind not in TITLES:
            raise Problem(
                "arguments_invalid",
                "There is no object kind %r." % kind,
                hint="Kinds: %s." % ", ".join(sorted(TITLES)),
            )
        self.kind = kind
        self.size = float(size)
        self.depth = self.size if depth is None else float(depth)
        self.thickness = thickness
        self.segments = SEGMENTS.get(kind, 0) if segments is None else int(segments)
        self.smooth = bool(smooth)
        self.text = "Text" if text is None else str(text)
        self.points = points
        if kind == "ico_sphere" and self.segments > ICO_MAX:
            raise Problem(
                "arguments_invalid",
                "%d subdivisions would create %d faces." % (self.segments, 20 * 4 ** (self.segments - 1)),
                hint="For an ico_sphere `segments` are subdivisions: 1 to %d." % ICO_MAX,
            )
        if kind == "torus" and thickness is not None and thickness >= self.size:
            raise Problem(
                "arguments_invalid",
                "A tube of thickness %g does not fit in a ring of size %g." % (thickness, self.size),
                hint="`thickness` must be less than `size`.",
            )
        if points is not None and (len(points) < 2 or not all(_is_point(one) for one in points)):
            raise Problem(
                "arguments_invalid",
                "`points` needs at least two points of three numbers.",
                hint="Such as [[0, 0, 0], [1, 0, 0], [1, 1, 0]].",
            )

    def data(self, name):
        """The new data, or None for an empty."""
        if self.kind == "empty":
            return None
        if self.kind == "text":
            made = bpy.data.curves.new(name, "FONT")
            made.body = self.text
            made.size = self.size / 2.0
            return made
        if self.kind == "curve":
            return self._curve(name)
        return self._mesh(name)

    def _mesh(self, name):
        mesh = bpy.data.meshes.new(name)
        shape = bmesh.new()
        try:
            shape.loops.layers.uv.new("UVMap")
            getattr(self, "_" + self.kind)(shape)
            for face in shape.faces:
                face.smooth = self.smooth
            shape.to_mesh(mesh)
        finally:
            shape.free()
        mesh.update()
        return mesh

    def _cube(self, shape):
        bmesh.ops.create_cube(shape, size=self.size, calc_uvs=True)

    def _sphere(self, shape):
        rings = max(3, self.segments // 2)
        bmesh.ops.create_uvsphere(
            shape, u_segments=self.segments, v_segments=rings, radius=self.size / 2.0, calc_uvs=True
        )

    def _ico_sphere(self, shape):
        bmesh.ops.create_icosphere(shape, subdivisions=self.segments, radius=self.size / 2.0, calc_uvs=True)

    def _cylinder(self, shape):
        self._tapered(shape, self.size / 2.0)

    def _cone(self, shape):
        self._tapered(shape, 0.0)

    def _tapered(self, shape, top):
        bmesh.ops.create_cone(
            shape,
            cap_ends=True,
            segments=self.segments,
            radius1=self.size / 2.0,
            radius2=top,
            depth=self.depth,
            calc_uvs=True,
        )

    def _plane(self, shape):
        bmesh.ops.create_grid(shape, x_segments=1, y_segments=1, size=self.size / 2.0, calc_uvs=True)

    def _grid(self, shape):
        bmesh.ops.create_grid(
            shape, x_segments=self.segments, y_segments=self.segments, size=self.size / 2.0, calc_uvs=True
        )

    def _circle(self, shape):
        bmesh.ops.create_circle(shape, cap_ends=True, segments=self.segments, radius=self.size / 2.0, calc_uvs=True)

    def _monkey(self, shape):
        bmesh.ops.create_monkey(shape, calc_uvs=True)
        bmesh.ops.scale(shape, vec=[self.size / 2.0] * 3, verts=shape.verts)

    def _torus(self, shape):
        """A ring of `size` outside, whose tube is `thickness` thick."""
        around = self.segments
        tube = max(8, self.segments // 16 * 4)  # by four, so that the tube reaches its whole height
        minor = (self.size / 4.0 if self.thickness is None else self.thickness) / 2.0
        major = self.size / 2.0 - minor
        rings = [[_on_torus(shape, major, minor, i / around, j / tube) for j in range(tube)] for i in range(around)]
        uv = shape.loops.layers.uv.active
        for i in range(around):
            for j in range(tube):
                corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
                face = shape.faces.new([rings[a % around][b % tube] for a, b in corners])
                for loop, (a, b) in zip(face.loops, corners):
                    loop[uv].uv = (a / around, b / tube)

    def _curve(self, name):
        half = self.size / 2.0
        points = self.points or [[-half, 0.0, 0.0], [0.0, half, 0.0], [half, 0.0, 0.0]]
        made = bpy.data.curves.new(name, "CURVE")
        made.dimensions = "3D"
        made.bevel_depth = (self.thickness or 0.0) / 2.0
        spline = made.splines.new("BEZIER")
        spline.bezier_points.add(len(points) - 1)
        for knot, point in zip(spline.bezier_points, points):
            knot.co = point
            knot.handle_left_type = knot.handle_right_type = "AUTO"
        return made


def _on_torus(shape, major, minor, around, tube):
    a, t = around * math.tau, tube * math.tau
    reach = major + minor * math.cos(t)
    return shape.verts.new((reach * math.cos(a), reach * math.sin(a), minor * math.sin(t)))


def _is_point(one):
    return isinstance(one, (list, tuple)) and len(one) == 3 and all(isinstance(number, (int, float)) for number in one)
