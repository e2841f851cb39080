# SPDX-License-Identifier: GPL-3.0-or-later
"""mesh.*: geometry as arrays of float32 and int32, in and out."""

import bmesh
import bpy
from mathutils import Matrix

from .. import arrays, describe, meshes, names, placing, plain_names
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("mesh.create", effect="write")
def create(
    call,
    vertices,
    faces=None,
    sizes=None,
    edges=None,
    uvs=None,
    normals=None,
    colors=None,
    material_indices=None,
    smooth=False,
    name=None,
    location=(0.0, 0.0, 0.0),
    rotation=(0.0, 0.0, 0.0),
    scale=(1.0, 1.0, 1.0),
    materials=None,
    collection=None,
    replace=None,
):
    # Everything that can be refused comes before anything is made.
    surfaces = [names.find(bpy.data.materials, "material", one) for one in materials or ()]
    home = placing.collection_for(collection) if replace is None else None
    name = plain_names.plain(name)
    old = names.object_of(replace, "MESH", "mesh") if replace is not None else None
    parts = _Parts(call, vertices, faces, sizes, edges)
    parts.surface(call, uvs, normals, colors, material_indices, len(surfaces) or len(old.data.materials if old else ()))
    placing.leave_edit_mode()
    mesh = parts.mesh(name or (old.data.name if old else "Mesh"), smooth)
    for one in surfaces or (old.data.materials if old else ()):
        mesh.materials.append(one)
    if old is not None:
        return describe.full(_exchange(old, mesh))
    made = bpy.data.objects.new(name or "Mesh", mesh)
    home.objects.link(made)
    placing.place(made, location, rotation, scale)
    placing.activate(made)
    return describe.full(made)


@table.command("mesh.read", effect="read")
def read(call, name, parts=("vertices", "faces"), evaluated=False, space="local", triangles=False, inline=64):
    with _Seen(name, evaluated, space) as mesh:
        told = {"name": name, "vertex_count": len(mesh.vertices), "face_count": len(mesh.polygons)}
        for part in dict.fromkeys(parts):
            if part not in _READERS:
                raise Problem(
                    "arguments_invalid", "A mesh has no %r." % part, hint="Parts: %s." % ", ".join(sorted(_READERS))
                )
            _READERS[part](call, mesh, told, triangles, inline)
        return told


@table.command("mesh.set", effect="write")
def set_(call, name, vertices):
    found = names.object_of(name, "MESH", "mesh")
    flat, count, _width = arrays.floats(call, "vertices", vertices, 3)
    have = len(found.data.vertices)
    if count != have:
        raise arrays.wrong("vertices", "has %d rows" % count, "The mesh of %r has %d vertices." % (name, have))
    if found.data.shape_keys is not None:
        raise Problem(
            "not_supported",
            "The mesh of %r has shape keys, which determine where its vertices are." % name,
            hint="Remove them first (bpy.ops.object.shape_key_remove), or use mesh.create with `replace`.",
        )
    placing.leave_edit_mode()
    meshes.set_positions(found.data, flat)
    found.data.update()
    bpy.context.view_layer.update()
    return describe.full(found)


@table.command("mesh.stats", effect="read")
def stats(call, name, evaluated=False, space="world"):
    with _Seen(name, evaluated, space) as mesh:
        told = {
            "name": name,
            "vertices": len(mesh.vertices),
            "edges": len(mesh.edges),
            "faces": len(mesh.polygons),
            "triangles": len(mesh.loops) - 2 * len(mesh.polygons),
            "bounds": _bounds(meshes.positions(mesh)),
            "uv_maps": [one.name for one in mesh.uv_layers],
            "color_attributes": [one.name for one in mesh.color_attributes],
            "materials": [one.name if one else None for one in mesh.materials],
        }
        shape = bmesh.new()
        try:
            shape.from_mesh(mesh)
            told.update(_counts(shape))
        finally:
            shape.free()
        return told


class _Parts:
    """The arguments of mesh.create as checked arrays."""

    def __init__(self, call, vertices, faces, sizes, edges):
        self.positions, self.count, _width = arrays.floats(call, "vertices", vertices, 3)
        if sizes is not None and faces is None:
            raise arrays.wrong("sizes", "has no `faces`", "Pass `faces` as well.")
        self.faces = meshes.Faces(call, faces if faces is not None else [], sizes, self.count)
        self.edges = None
        self.uvs = self.normals = self.colors = self.indices = None
        if edges is not None:
            self.edges, width = arrays.wholes(call, "edges", edges)
            if width not in (None, 2) or len(self.edges) % 2:
                raise arrays.wrong("edges", "does not have rows of 2 numbers", "Pass two vertices per edge.")
            arrays.in_range("edges", self.edges, self.count, "vertex", "vertices")
            if any(left == right for left, right in zip(self.edges[0::2], self.edges[1::2])):
                raise arrays.wrong("edges", "has an edge from a vertex to itself", "The two vertices must differ.")

    def surface(self, call, uvs, normals, colors, indices, slots):
        """What lies on the faces."""
        if uvs is not None:
            self.uvs = self._rows(call, "uvs", uvs, 2)
        if normals is not None:
            self.normals = self._rows(call, "normals", normals, 3)
        if colors is not None:
            self.colors = self._rows(call, "colors", colors, (4, 3))
        if indices is not None:
            self.indices = arrays.wholes(call, "material_indices", indices)[0]
            if len(self.indices) != len(self.faces.sizes):
                raise arrays.wrong(
                    "material_indices",
                    "has %d numbers" % len(self.indices),
                    "Pass one for each of the %d faces." % len(self.faces.sizes),
                )
            arrays.in_range("material_indices", self.indices, max(slots, 1), "material", "materials")

    def mesh(self, name, smooth):
        """The new mesh."""
        mesh = meshes.build(name, self.positions, self.count, self.edges, self.faces)
        if self.uvs:
            meshes.set_uvs(mesh, self.uvs[0], self.faces, self.uvs[1])
        if self.colors:
            flat, rows, width = self.colors
            meshes.set_colors(mesh, flat, width, "POINT" if rows == self.count else "CORNER")
        if self.indices:
            mesh.polygons.foreach_set("material_index", self.indices)
        if smooth or self.normals:
            meshes.set_smooth(mesh)
        if self.normals:
            meshes.set_normals(mesh, self.normals[0], self.normals[1] != self.count)
        return mesh

    def _rows(self, call, what, given, columns):
        """One row per vertex or per corner; where both counts are the same, per vertex."""
        flat, rows, width = arrays.floats(call, what, given, columns)
        if rows not in (self.count, len(self.faces.corners)) or not self.faces.sizes:
            raise arrays.wrong(
                what,
                "has %d rows" % rows,
                "Pass one row for each of the %d vertices, or for each of the %d face corners."
                % (self.count, len(self.faces.corners)),
            )
        return flat, rows, width


class _Seen:
    """A mesh to look at: the object's own or the one after its modifiers, in local or world space. Nothing of the
    open file changes: it is a copy that Blender keeps with the object and that goes afterwards."""

    def __init__(self, name, evaluated, space):
        found = names.object_named(name)
        if found.type not in ("MESH", "CURVE", "SURFACE", "FONT", "META"):
            raise Problem(
                "arguments_invalid",
                "%r is a %s, which has no mesh." % (name, found.type.lower()),
                hint="Meshes: %s."
                % (", ".join(repr(one.name) for one in bpy.data.objects if one.type == "MESH")[:400] or "none"),
            )
        if found.mode == "EDIT":
            found.update_from_editmode()
        bpy.context.view_layer.update()
        self._owner = found
        self._matrix = found.matrix_world.copy() if space == "world" else None
        if evaluated:
            self._owner = found.evaluated_get(bpy.context.evaluated_depsgraph_get())
            if not self._owner.is_evaluated:
                raise Problem(
                    "call_failed",
                    "Blender does not evaluate %r, because the view layer does not show it." % name,
                    hint="Make it visible in the viewport, or leave out `evaluated`.",
                )

    def __enter__(self):
        mesh = self._owner.to_mesh()
        if mesh is None:
            raise Problem(
                "not_found", "%r has no geometry." % self._owner.name, hint="See its details with object.get."
            )
        if self._matrix is not None and self._matrix != Matrix.Identity(4):
            mesh.transform(self._matrix)
            if self._matrix.is_negative:
                mesh.flip_normals()
        return mesh

    def __exit__(self, *error):
        self._owner.to_mesh_clear()


def _exchange(found, mesh):
    """Gives an object another mesh; the old one goes when nobody else has it."""
    old = found.data
    name = old.name
    found.data = mesh
    if old.users == 0:
        bpy.data.meshes.remove(old)
        mesh.name = name
    bpy.context.view_layer.update()
    return found


def _vertices(call, mesh, told, triangles, inline):
    told["vertices"] = arrays.told(call, meshes.positions(mesh), 3, inline)


def _normals(call, mesh, told, triangles, inline):
    told["normals"] = arrays.told(call, meshes.normals(mesh), 3, inline)


def _faces(call, mesh, told, triangles, inline):
    if triangles:
        told["faces"] = arrays.told(call, meshes.triangles(mesh), 3, inline)
        return
    corners, sizes = meshes.corners(mesh), meshes.sizes(mesh)
    if sizes and sizes.count(sizes[0]) == len(sizes):
        told["faces"] = arrays.told(call, corners, sizes[0], inline)
    else:
        told["faces"] = arrays.told(call, corners, None, inline)
        told["sizes"] = arrays.told(call, sizes, None, inline)


def _edges(call, mesh, told, triangles, inline):
    told["edges"] = arrays.told(call, meshes.edges(mesh), 2, inline)


def _uvs(call, mesh, told, triangles, inline):
    found = meshes.uvs(mesh)
    told["uvs"] = None if found is None else arrays.told(call, found, 2, inline)


def _colors(call, mesh, told, triangles, inline):
    found = meshes.colors(mesh)
    told["colors"] = None if found is None else arrays.told(call, found[0], 4, inline)
    told["colors_per"] = None if found is None else found[1]


def _material_indices(call, mesh, told, triangles, inline):
    told["material_indices"] = arrays.told(call, meshes.material_indices(mesh), None, inline)


_READERS = {
    "vertices": _vertices,
    "normals": _normals,
    "faces": _faces,
    "edges": _edges,
    "uvs": _uvs,
    "colors": _colors,
    "material_indices": _material_indices,
}


def _bounds(flat):
    if not flat:
        return None
    axes = [flat[axis::3] for axis in range(3)]
    return [[round(pick(axis), 6) + 0.0 for axis in axes] for pick in (min, max)]


def _counts(shape):
    """What a bmesh knows: areas, and where the surface is not whole."""
    open_edges = sum(1 for one in shape.edges if one.is_boundary)
    wires = sum(1 for one in shape.edges if one.is_wire)
    bad = sum(1 for one in shape.edges if not one.is_manifold)
    closed = bad == 0 and len(shape.faces) > 0
    return {
        "area": round(sum(one.calc_area() for one in shape.faces), 6),
        "volume": round(abs(shape.calc_volume(signed=True)), 6) if closed else None,
        "inside_out": shape.calc_volume(signed=True) < 0 if closed else None,
        "closed": closed,
        "boundary_edges": open_edges,
        "non_manifold_edges": bad,
        "loose_edges": wires,
        "loose_vertices": sum(1 for one in shape.verts if not one.link_edges),
        "ngons": sum(1 for one in shape.faces if len(one.verts) > 4),
        "smallest_face_area": round(min((one.calc_area() for one in shape.faces), default=0.0), 9),
    }
