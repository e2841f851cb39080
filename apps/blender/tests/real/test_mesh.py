# SPDX-License-Identifier: MIT OR Apache-2.0
"""Meshes as arrays, in and out: what goes in comes out, and what cannot be a mesh is refused before it is one."""

import hashlib
from array import array

import pytest
from bridgekit import frames

TENT = [[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0], [1, 1, 1]]
SIDES = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [3, 2, 1, 0]]


def blob(blender, numbers, dtype, shape=None):
    """Sends an array ahead of the call that names it."""
    data = numbers.tobytes()
    name = "sha256:" + hashlib.sha256(data).hexdigest()
    for head, part in frames.pieces(name, data):
        blender.hub.send_raw(head + bytes(part))
    told = {"$blob": name, "dtype": dtype}
    return dict(told, shape=shape) if shape else told


def array_of(blender, told):
    """The numbers of a blob that came back."""
    out = array({"float32": "f", "int32": "i"}[told["dtype"]])
    out.frombytes(bytes(blender.hub.blobs[told["$blob"]])[: told["bytes"]])
    return out


def grid(side):
    """(positions, quads) of a square of side × side vertices, as flat arrays."""
    places, quads = array("f"), array("i")
    for y in range(side):
        for x in range(side):
            places.extend((x, y, (x * y) % 7))
    for y in range(side - 1):
        for x in range(side - 1):
            at = y * side + x
            quads.extend((at, at + 1, at + side + 1, at + side))
    return places, quads


def test_a_mesh_of_lists(blender):
    made = blender.run_outcome("mesh.create", name="Tent", vertices=TENT, faces=SIDES, location=[0, 0, 5])
    told = made["value"]
    assert (told["name"], told["type"], told["location"], told["active"]) == ("Tent", "MESH", [0, 0, 5], True)
    assert (told["data"]["vertices"], told["data"]["edges"], told["data"]["faces"]) == (5, 8, 5)
    assert {"type": "object", "name": "Tent"} in made["changes"]["added"]
    back = blender.run("mesh.read", name="Tent", parts=["vertices", "faces", "edges", "uvs", "colors"])
    assert back["vertices"] == TENT
    assert back["faces"] == [one for face in SIDES for one in face] and back["sizes"] == [3, 3, 3, 3, 4]
    assert len(back["edges"]) == 8 and back["uvs"] is None and back["colors"] is None
    assert blender.eval("bpy.data.objects['Tent'].data.validate()") is False, "Blender has nothing to put right"


def test_large_arrays_go_in_and_out_as_blobs(blender):
    places, quads = grid(120)
    count, faces = len(places) // 3, len(quads) // 4
    told = blender.run(
        "mesh.create",
        name="Field",
        vertices=blob(blender, places, "float32", [count, 3]),
        faces=blob(blender, quads, "int32", [faces, 4]),
    )
    assert (told["data"]["vertices"], told["data"]["faces"]) == (count, faces)
    back = blender.run("mesh.read", name="Field", parts=["vertices", "faces", "normals", "edges"])
    assert back["vertices"]["shape"] == [count, 3] and back["faces"]["shape"] == [faces, 4]
    assert array_of(blender, back["vertices"]) == places
    assert array_of(blender, back["faces"]) == quads
    normals = array_of(blender, back["normals"])
    assert all(normals[at + 2] > 0 for at in range(0, len(normals), 3)), "they look up"
    assert back["edges"]["shape"] == [2 * 120 * 119, 2]
    told = blender.run("mesh.read", name="Field", triangles=True, parts=["faces"])
    assert told["faces"]["shape"] == [2 * faces, 3]
    assert blender.eval("bpy.data.objects['Field'].data.validate()") is False


def test_other_dtypes_and_flat_faces_with_sizes(blender):
    told = blender.run(
        "mesh.create",
        vertices=blob(blender, array("d", [n for row in TENT for n in row]), "float64", [5, 3]),
        faces=blob(blender, array("q", [n for face in SIDES for n in face]), "int64"),
        sizes=blob(blender, array("B", [3, 3, 3, 3, 4]), "uint8", [5]),
    )
    assert told["data"]["faces"] == 5
    back = blender.run("mesh.read", name=told["name"], inline=0)
    assert list(array_of(blender, back["sizes"])) == [3, 3, 3, 3, 4]
    assert back["faces"]["shape"] == [16] and back["faces"]["bytes"] == 64


def test_surface_uvs_normals_colors_materials(blender):
    blender.run("material.create", name="A")
    blender.run("material.create", name="B")
    corners = [[n / 16, 0.5] for n in range(16)]
    blender.run(
        "mesh.create",
        name="Tent",
        vertices=TENT,
        faces=SIDES,
        uvs=corners,
        normals=[[0, 0, 1]] * 5,
        colors=[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.5, 0.5, 0.5]],
        materials=["A", "B"],
        material_indices=[0, 1, 0, 1, 1],
    )
    back = blender.run("mesh.read", name="Tent", parts=["uvs", "colors", "material_indices"])
    assert back["uvs"] == corners and back["material_indices"] == [0, 1, 0, 1, 1]
    assert back["colors_per"] == "vertex" and back["colors"][4] == [0.5, 0.5, 0.5, 1.0]
    code = """
m = bpy.data.objects['Tent'].data
if hasattr(m, 'calc_normals_split'):
    m.calc_normals_split()
[round(n, 2) for n in (m.corner_normals[0].vector if hasattr(m, 'corner_normals') else m.loops[0].normal)]"""
    assert blender.eval(code) == [0, 0, 1], "the corner has the normal that was given"
    by_vertex = blender.run("mesh.create", vertices=TENT, faces=SIDES, uvs=[[0.25, n / 8] for n in range(5)])
    told = blender.run("mesh.read", name=by_vertex["name"], parts=["uvs"])["uvs"]
    assert [row[1] * 8 for row in told] == [one for face in SIDES for one in face]


BAD = (
    ({"vertices": [[0, 0]]}, "rows of 2"),
    ({"vertices": [0, 0, 0, 1]}, "4 numbers"),
    ({"vertices": "abc"}, "is str"),
    ({"vertices": [[0, 0, "x"]]}, "not a number"),
    ({"vertices": [[0, 0, 1e300]]}, "not finite"),
    ({"vertices": [[0, 0, 0], [1, 2]]}, "different lengths"),
    ({"vertices": TENT, "faces": [[0, 1, 5]]}, "the vertex 5"),
    ({"vertices": TENT, "faces": [[0, 1, -1]]}, "-1"),
    ({"vertices": TENT, "faces": [[0, 1, 1]]}, "face 0, which uses a vertex twice"),
    ({"vertices": TENT, "faces": [[0, 1, 2], [0, 1, 2, 0]]}, "face 1, which uses a vertex twice"),
    ({"vertices": TENT, "faces": [[0, 1, 2, 3, 4], [0, 1, 2, 3, 3]]}, "face 1, which"),
    ({"vertices": TENT, "faces": [[0, 1]]}, "face with 2 corners"),
    ({"vertices": TENT, "faces": [0, 1, 2]}, "is flat"),
    ({"vertices": TENT, "faces": [0, 1, 2, 3], "sizes": [3]}, "adds up to 3"),
    ({"vertices": TENT, "faces": [[0, 1, 2]], "sizes": [3]}, "for flat `faces`"),
    ({"vertices": TENT, "sizes": [3]}, "no `faces`"),
    ({"vertices": TENT, "faces": [[0, 1, 2.5]]}, "whole number"),
    ({"vertices": TENT, "faces": [[0, 1, 99999999999]]}, "32 bits"),
    ({"vertices": TENT, "edges": [[0, 0]]}, "to itself"),
    ({"vertices": TENT, "edges": [[0, 9]]}, "9"),
    ({"vertices": TENT, "faces": SIDES, "uvs": [[0, 0]]}, "1 rows"),
    ({"vertices": TENT, "faces": SIDES, "colors": [0.5] * 20}, "is flat"),
    ({"vertices": TENT, "faces": SIDES, "material_indices": [0]}, "1 numbers"),
    ({"vertices": TENT, "faces": SIDES, "material_indices": [0, 0, 0, 0, 7]}, "7"),
    ({"vertices": {"$blob": "sha256:" + "0" * 64}}, "did not come"),
)


@pytest.mark.parametrize("numpy", [True, False])
def test_what_is_no_mesh_is_refused_and_nothing_is_made(blender, numpy):
    if not numpy:
        hide = "import sys; hidden = {k: sys.modules.pop(k) for k in list(sys.modules) if k.split('.')[0] == 'numpy'}"
        blender.eval(hide + "; sys.modules['numpy'] = None")
    try:
        for args, words in BAD:
            told = blender.problem("mesh.create", args)
            assert words in told["message"], (args, told)
            assert told["code"] in ("arguments_invalid", "blob_unknown") and told["hint"]
        assert blender.eval("len(bpy.data.meshes), len(bpy.data.objects)") == [1, 3]
        made = blender.run("mesh.create", vertices=TENT, faces=SIDES, uvs=[[n, 0] for n in range(5)])
        assert made["data"]["faces"] == 5
        uvs = blender.run("mesh.read", name=made["name"], parts=["uvs"])["uvs"]
        assert [row[0] for row in uvs] == [one for face in SIDES for one in face]
    finally:
        if not numpy:
            blender.eval("del sys.modules['numpy']; sys.modules.update(hidden)")
    wrong = blob(blender, array("f", [0.0] * 6), "float32", [3, 3])
    assert "shape" in blender.problem("mesh.create", {"vertices": wrong})["message"]
    wrong = blob(blender, array("f", [0.0] * 6), "complex64", [2, 3])
    assert "float32" in blender.problem("mesh.create", {"vertices": wrong})["hint"]


def test_replacing_and_moving_keeps_the_object(blender):
    blender.eval("bpy.data.objects['Cube'].modifiers.new('B', 'BEVEL'); bpy.data.objects['Cube'].location.x = 3")
    told = blender.run_outcome("mesh.create", vertices=TENT, faces=SIDES, replace="Cube")
    value = told["value"]
    assert (value["name"], value["location"], value["materials"]) == ("Cube", [3, 0, 0], ["Material"])
    assert value["modifiers"] == [{"name": "B", "type": "BEVEL"}] and value["data"]["name"] == "Cube"
    assert blender.eval("len(bpy.data.meshes)") == 1, "the old mesh is gone"
    moved = blender.run("mesh.set", name="Cube", vertices=[[x, y, z + 1] for x, y, z in TENT])
    assert moved["data"]["faces"] == 5
    assert blender.run("mesh.read", name="Cube", parts=["vertices"])["vertices"][4] == [1, 1, 2]
    assert "5 vertices" in blender.problem("mesh.set", {"name": "Cube", "vertices": [[0, 0, 0]]})["hint"]
    assert blender.problem("mesh.set", {"name": "Lamp", "vertices": [[0, 0, 0]]})["code"] == "not_found"


def test_reading_evaluated_in_world_space_and_in_edit_mode(blender):
    blender.eval("bpy.data.objects['Cube'].modifiers.new('S', 'SUBSURF').levels = 1")
    blender.run("object.transform", name="Cube", location=[10, 0, 0], scale=[-1, 1, 1])
    assert blender.run("mesh.read", name="Cube")["vertex_count"] == 8
    outcome = blender.call("mesh.read", {"name": "Cube", "evaluated": True, "space": "world", "inline": 1000})
    told = outcome["value"]
    assert told["vertex_count"] == 26 and all(8.9 < x < 11.1 for x, _y, _z in told["vertices"])
    assert not any(outcome["changes"].values()), "looking changes nothing"
    stats = blender.run("mesh.stats", name="Cube", evaluated=True)
    assert stats["closed"] and stats["inside_out"] is False, "a mirrored object is not inside out"
    edit = "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']; bpy.ops.object.mode_set(mode='EDIT')"
    blender.eval(edit + "; bpy.ops.mesh.select_all(action='SELECT'); bpy.ops.mesh.subdivide()")
    assert blender.run("mesh.read", name="Cube")["vertex_count"] == 26
    text = blender.run("object.create", kind="text", text="Hi")
    assert blender.run("mesh.read", name=text["name"], evaluated=True)["face_count"] > 4
    blender.eval("bpy.data.objects[%r].hide_viewport = True" % text["name"])
    assert "visible" in blender.problem("mesh.read", {"name": text["name"], "evaluated": True})["hint"]
    blender.eval("bpy.data.objects['Cube'].shape_key_add(name='Basis')")
    assert blender.problem("mesh.set", {"name": "Cube", "vertices": [[0, 0, 0]] * 26})["code"] == "not_supported"
    told = blender.problem("mesh.read", {"name": "Camera"})
    assert told["code"] == "arguments_invalid" and "'Cube'" in told["hint"]
    assert "normals" in blender.problem("mesh.read", {"name": "Cube", "parts": ["normal"]})["hint"]


def test_stats_measure_and_count_what_is_wrong(blender):
    told = blender.run("mesh.stats", name="Cube")
    assert (told["vertices"], told["edges"], told["faces"], told["triangles"]) == (8, 12, 6, 12)
    assert told["area"] == pytest.approx(24) and told["volume"] == pytest.approx(8)
    assert told["bounds"] == [[-1, -1, -1], [1, 1, 1]] and told["closed"] and told["materials"] == ["Material"]
    open_ = blender.run("mesh.create", vertices=[*TENT, [9, 9, 9]], faces=SIDES[:4], edges=[[4, 5]])
    told = blender.run("mesh.stats", name=open_["name"])
    assert (told["boundary_edges"], told["loose_edges"], told["closed"], told["volume"]) == (4, 1, False, None)
    lone = blender.run("mesh.create", vertices=TENT)
    told = blender.run("mesh.stats", name=lone["name"])
    assert (told["loose_vertices"], told["faces"], told["area"]) == (5, 0, 0)
    turned = blender.run("mesh.create", vertices=TENT, faces=[face[::-1] for face in SIDES])
    assert blender.run("mesh.stats", name=turned["name"])["inside_out"] is True
    assert blender.run("mesh.stats", name=blender.run("mesh.create", vertices=[])["name"])["bounds"] is None


def test_one_undo_step_takes_it_back(blender):
    blender.run("mesh.create", name="Tent", vertices=TENT, faces=SIDES)
    blender.eval("bpy.ops.ed.undo()", args={"undo": "never"})
    assert "Tent" not in blender.eval("bpy.data.objects.keys()")
