# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes as flat arrays: made from them, read into them.

In: checked arrays of float32 and int32 (see arrays.py). Out: a mesh, or arrays. Nothing is made before everything
was checked: a mesh whose faces name vertices that are not there takes Blender down. It links nothing into a scene.

Newer Blenders keep positions, corners and UVs as attributes that are copied in one piece; 3.4 has them in structs.
Which one it is, is seen from the mesh itself.
"""

from array import array
from itertools import chain

import bpy

from . import arrays
from .arrays import wrong

# Corners of one face: Blender takes more, nobody means it.
CORNERS_MAX = 65536


class Faces:
    """The faces of a mesh: `corners` (vertex of each corner), `sizes` (corners of each face)."""

    def __init__(self, call, faces, sizes, vertices):
        self.vertices = vertices
        self.corners, width = _ragged(faces) if _is_ragged(faces) else arrays.wholes(call, "faces", faces)
        if isinstance(width, array):
            if sizes is not None:
                raise wrong("sizes", "is only for flat `faces`", "Leave it out: the rows of `faces` already say it.")
            self.sizes = width
        elif sizes is not None:
            if width is not None:
                raise wrong("sizes", "is only for flat `faces`", "Leave it out: the rows of `faces` already say it.")
            self.sizes = arrays.wholes(call, "sizes", sizes)[0]
        else:
            if width is None and len(self.corners):
                raise wrong("faces", "is flat", "Pass rows (shape [faces, 3 or 4]), or `sizes` as well.")
            self.sizes = array("i", [width or 3]) * (len(self.corners) // (width or 3))
        self._check()

    def starts(self):
        """The first corner of each face."""
        return arrays.running_sums(self.sizes)

    def uniform(self):
        """Corners of every face, or None where they differ."""
        if not self.sizes or self.sizes.count(self.sizes[0]) != len(self.sizes):
            return None
        return self.sizes[0]

    def _check(self):
        if self.sizes:
            low, high = arrays.extremes(self.sizes)
            if low < 3 or high > CORNERS_MAX:
                bad = low if low < 3 else high
                raise wrong("faces", "contains a face with %d corners" % bad, "A face can have 3 to %d." % CORNERS_MAX)
        if sum(self.sizes) != len(self.corners):
            hint = "`faces` has %d corners; the two must match." % len(self.corners)
            raise wrong("sizes", "adds up to %d" % sum(self.sizes), hint)
        arrays.in_range("faces", self.corners, self.vertices, "vertex", "vertices")
        at = self._repeated()
        if at is not None:
            raise wrong("faces", "has face %d, which uses a vertex twice" % at, "The corners of a face must differ.")

    def _repeated(self):
        """The index of a face that has one vertex twice, or None."""
        numpy = arrays.numpy_or_none()
        if numpy is None:
            corners, at = self.corners, 0
            for index, size in enumerate(self.sizes):
                if len(set(corners[at : at + size])) != size:
                    return index
                at += size
            return None
        if not self.sizes:
            return None
        corners, sizes = numpy.frombuffer(self.corners, "i4"), numpy.frombuffer(self.sizes, "i4")
        one = self.uniform()
        if one is not None:
            found = _twice(numpy, corners.reshape(-1, one))
            return int(found[0]) if len(found) else None
        starts = numpy.cumsum(sizes) - sizes
        for size in numpy.unique(sizes).tolist():
            faces = numpy.flatnonzero(sizes == size)
            found = _twice(numpy, corners[starts[faces][:, None] + numpy.arange(size)])
            if len(found):
                return int(faces[found[0]])
        return None


def build(name, positions, count, edges, faces):
    """A new mesh of checked arrays."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(count)
    set_positions(mesh, positions)
    if edges is not None and len(edges):
        mesh.edges.add(len(edges) // 2)
        mesh.edges.foreach_set("vertices", edges)
    if faces is not None and len(faces.sizes):
        mesh.loops.add(len(faces.corners))
        mesh.polygons.add(len(faces.sizes))
        corner = mesh.attributes.get(".corner_vert")
        if corner is not None:
            corner.data.foreach_set("value", faces.corners)
        else:
            mesh.loops.foreach_set("vertex_index", faces.corners)
        mesh.polygons.foreach_set("loop_start", faces.starts())
        if corner is None:  # later ones take it from where the next face starts
            mesh.polygons.foreach_set("loop_total", faces.sizes)
    mesh.update(calc_edges=True)
    return mesh


def set_positions(mesh, positions):
    """Moves all vertices."""
    place = mesh.attributes.get("position")
    if place is not None:
        place.data.foreach_set("vector", positions)
    else:
        mesh.vertices.foreach_set("co", positions)


def set_uvs(mesh, uvs, faces, rows):
    """A UV map from one pair per corner or per vertex."""
    if rows != len(faces.corners):
        uvs = _spread(uvs, faces.corners, 2)
    layer = mesh.uv_layers.new(name="UVMap")
    if hasattr(layer, "uv"):
        layer.uv.foreach_set("vector", uvs)
    else:
        layer.data.foreach_set("uv", uvs)


def set_colors(mesh, colors, width, domain):
    """A colour attribute. `domain`: POINT or CORNER."""
    if width == 3:
        full = array("f", [1.0]) * (len(colors) // 3 * 4)
        for channel in range(3):
            full[channel::4] = colors[channel::3]
        colors = full
    made = mesh.color_attributes.new("Color", "FLOAT_COLOR", domain)
    made.data.foreach_set("color", colors)


def set_normals(mesh, normals, per_corner):
    """Custom normals; they are shown on smooth faces."""
    rows = list(zip(normals[0::3], normals[1::3], normals[2::3]))
    if hasattr(mesh, "use_auto_smooth"):
        mesh.use_auto_smooth = True
    if per_corner:
        mesh.normals_split_custom_set(rows)
    else:
        mesh.normals_split_custom_set_from_vertices(rows)


def set_smooth(mesh):
    mesh.polygons.foreach_set("use_smooth", array("b", [1]) * len(mesh.polygons))


def positions(mesh):
    """Where the vertices are: float32, three each."""
    out = arrays.empty("f", len(mesh.vertices) * 3)
    place = mesh.attributes.get("position")
    if place is not None:
        place.data.foreach_get("vector", out)
    else:
        mesh.vertices.foreach_get("co", out)
    return out


def normals(mesh):
    """The vertices' normals: float32, three each."""
    out = arrays.empty("f", len(mesh.vertices) * 3)
    if hasattr(mesh, "vertex_normals"):
        mesh.vertex_normals.foreach_get("vector", out)
    else:
        mesh.vertices.foreach_get("normal", out)
    return out


def corners(mesh):
    """The vertex of each corner: int32."""
    out = arrays.empty("i", len(mesh.loops))
    known = mesh.attributes.get(".corner_vert")
    if known is not None:
        known.data.foreach_get("value", out)
    else:
        mesh.loops.foreach_get("vertex_index", out)
    return out


def sizes(mesh):
    """How many corners each face has: int32."""
    out = arrays.empty("i", len(mesh.polygons))
    mesh.polygons.foreach_get("loop_total", out)
    return out


def edges(mesh):
    """The two vertices of each edge: int32."""
    out = arrays.empty("i", len(mesh.edges) * 2)
    mesh.edges.foreach_get("vertices", out)
    return out


def triangles(mesh):
    """The vertices of the triangles that the faces consist of: int32, three each."""
    mesh.calc_loop_triangles()
    found = arrays.empty("i", len(mesh.loop_triangles) * 3)
    mesh.loop_triangles.foreach_get("vertices", found)
    return found


def uvs(mesh):
    """The active UV map: float32, two for each corner; None without one."""
    layer = mesh.uv_layers.active
    if layer is None:
        return None
    out = arrays.empty("f", len(mesh.loops) * 2)
    if hasattr(layer, "uv"):
        layer.uv.foreach_get("vector", out)
    else:
        layer.data.foreach_get("uv", out)
    return out


def colors(mesh):
    """(float32, four each; "vertex" or "corner") of the active colour attribute; None without one."""
    found = mesh.color_attributes.active_color if len(mesh.color_attributes) else None
    if found is None or found.domain not in ("POINT", "CORNER"):
        return None
    out = arrays.empty("f", len(found.data) * 4)
    found.data.foreach_get("color", out)
    return out, "vertex" if found.domain == "POINT" else "corner"


def material_indices(mesh):
    """The material slot of each face: int32."""
    out = arrays.empty("i", len(mesh.polygons))
    mesh.polygons.foreach_get("material_index", out)
    return out


def _is_ragged(faces):
    """Whether it is a list of faces of different sizes."""
    if not isinstance(faces, list) or not faces or not isinstance(faces[0], list):
        return False
    return any(isinstance(row, list) and len(row) != len(faces[0]) for row in faces)


def _ragged(faces):
    if any(not isinstance(row, list) for row in faces):
        raise wrong("faces", "mixes rows and numbers", "Pass a list of vertices for each face.")
    flat = list(chain.from_iterable(faces))
    if any(type(one) is not int for one in flat):
        raise wrong("faces", "contains something that is not a whole number", "Vertices are counted from 0.")
    return arrays.packed("faces", "i", flat), array("i", map(len, faces))


def _twice(numpy, rows):
    """Indices of the rows in which a number stands twice."""
    width = rows.shape[1]
    if width > 4:
        ordered = numpy.sort(rows, axis=1)
        return numpy.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    bad = numpy.zeros(len(rows), bool)
    for left in range(width):
        for right in range(left):
            bad |= rows[:, left] == rows[:, right]
    return numpy.flatnonzero(bad)


def _spread(values, corners, width):
    """Values of vertices -> values of corners."""
    numpy = arrays.numpy_or_none()
    if numpy is not None:
        rows = numpy.frombuffer(values, "f4").reshape(-1, width)[numpy.frombuffer(corners, "i4")]
        return array("f", rows.tobytes())
    out = arrays.empty("f", len(corners) * width)
    for column in range(width):
        part = values[column::width]
        out[column::width] = array("f", [part[at] for at in corners])
    return out
