# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the running Blender says of its own API: names are found by words, and told as they are in this version."""

import json

import pytest

BYTES_MAX = 4000

# Words -> what must be among the first four.
WANTED = {
    "bevel": "bpy.ops.mesh.bevel",
    "object location": "bpy.types.Object.location",
    "principled bsdf": "bpy.types.ShaderNodeBsdfPrincipled",
    "how do i insert a keyframe": "bpy.types.bpy_struct.keyframe_insert",
    "mesh from pydata": "bpy.types.Mesh.from_pydata",
    "camera lens": "bpy.types.Camera.lens",
    "ray cast": "bpy.types.Object.ray_cast",
    "extrude region": "bpy.ops.mesh.extrude_region",
    "frame end": "bpy.types.Scene.frame_end",
    "add a cube": "bpy.ops.mesh.primitive_cube_add",
    "parent": "bpy.types.Object.parent",
    "new material": "bpy.types.BlendDataMaterials.new",
    "rendr engine": "bpy.types.RenderSettings.engine",
}


@pytest.mark.parametrize("words", sorted(WANTED))
def test_words_find_a_name(blender, words):
    told = blender.run("docs.search", query=words)
    assert WANTED[words] in [one["name"] for one in told["results"][:4]], told
    assert len(json.dumps(told)) <= BYTES_MAX and told["searched"] > 10_000


def test_a_search_is_bounded_and_filtered(blender):
    for kind in ("type", "property", "function", "operator", "node"):
        told = blender.run("docs.search", query="mesh", kind=kind, limit=50)
        assert told["results"] and {one["kind"] for one in told["results"]} == {kind}
        assert len(json.dumps(told)) <= BYTES_MAX
    assert blender.run("docs.search", query="zqxwv")["results"] == []
    assert blender.run("docs.search", query="")["results"] == []
    assert len(blender.run("docs.search", query="object", limit=3)["results"]) == 3


def test_a_property(blender):
    told = blender.run("docs.get", name="bpy.types.Object.location")
    assert (told["kind"], told["default"], told["unit"]) == ("property", [0, 0, 0], "length")
    for name in (
        "object.location",
        "Object.location",
        'bpy.data.objects["Cube"].location',
        "bpy.data.objects[0].location",
    ):
        assert blender.run("docs.get", name=name) == told, name
    told = blender.run("docs.get", name="bpy.context.scene.render.resolution_x")
    assert (told["type"], told["default"], told["min"]) == ("int (pixel)", 1920, 4)
    told = blender.run("docs.get", name="Light.type")
    assert any(one.startswith("POINT:") for one in told["items"])
    assert "CYCLES" in blender.run("docs.get", name="RenderSettings.engine")["note"]
    assert "MaterialSlot" in blender.run("docs.get", name="Object.material_slots")["type"]


def test_an_operator_a_function_and_python_of_blender(blender):
    told = blender.run("docs.get", name="bpy.ops.mesh.primitive_cube_add")
    assert told == blender.run("docs.get", name="mesh.primitive_cube_add")
    assert told["arguments"][0]["name"] == "size" and told["arguments"][0]["default"] == 2.0
    assert told["can_run_now"] is True
    told = blender.run("docs.get", name="bpy.data.objects.new")
    assert told["name"] == "bpy.types.BlendDataObjects.new" and told["signature"].startswith("new(name, object_data)")
    assert [one["name"] for one in told["arguments"]] == ["name", "object_data"]
    assert "from_pydata(vertices" in blender.run("docs.get", name="Mesh.from_pydata")["signature"]
    assert "keyframe_insert(" in blender.run("docs.get", name="bpy.types.Object.keyframe_insert")["description"]
    assert blender.run("docs.get", name="bpy.context.active_object")["type"] == "Object"
    assert "normalize" in blender.run("docs.get", name="mathutils.Vector")["members"]
    assert "bevel" in blender.run("docs.get", name="bmesh.ops.bevel")["description"].lower()


def test_types_and_the_sockets_of_nodes(blender):
    told = blender.run("docs.get", name="bpy.types.Object")
    assert told["base"] == "ID" and any(one.startswith("location:") for one in told["properties"])
    assert len(json.dumps(told)) <= BYTES_MAX and sum(told["left_out"].values()) > 0
    before = blender.eval("sorted(bpy.data.node_groups.keys())")
    outcome = blender.call("docs.get", {"name": "ShaderNodeBsdfPrincipled"})
    told = outcome["value"]
    assert told["kind"] == "node" and {"Base Color", "Metallic", "Roughness"} <= {one["name"] for one in told["inputs"]}
    assert [one["name"] for one in told["outputs"]] == ["BSDF"]
    told = blender.run("docs.get", name="GeometryNodeMeshCube")
    assert next(one for one in told["inputs"] if one["name"] == "Size")["default"] == [1, 1, 1]
    assert blender.eval("sorted(bpy.data.node_groups.keys())") == before
    assert not any(outcome["changes"].values())


def test_a_name_that_does_not_exist_is_answered_with_near_ones(blender):
    told = blender.problem("docs.get", {"name": "Object.loction"})
    assert told["code"] == "not_found" and "bpy.types.Object.location" in told["hint"]
    assert "bpy.ops.mesh.primitive_cube_add" in blender.problem("docs.get", {"name": "mesh.primitve_cube_ad"})["hint"]
    assert "bpy.data" not in blender.problem("docs.get", {"name": "qqqq"})["message"]
    for odd in (
        "",
        ".",
        "bpy",
        "bpy.ops",
        "bpy.types",
        "()",
        "bpy.app.handlers.__class__",
        "Object..location",
        "a" * 5000,
    ):
        blender.call("docs.get", {"name": odd})
    assert blender.eval("1+1") == 2


def test_every_answer_has_its_size(blender):
    names = blender.eval(
        "import random; random.seed(7)\n"
        "random.sample([n for n in dir(bpy.types) if '_' not in n], 60) + "
        "['bpy.ops.' + m + '.' + o for m in ('mesh', 'object', 'wm', 'export_scene') for o in dir(getattr(bpy.ops, m))][:120]"
    )
    for name in names:
        outcome = blender.call("docs.get", {"name": name})
        if outcome["status"] == "failed":
            assert outcome["problem"]["code"] == "not_found", (name, outcome)
        else:
            assert len(json.dumps(outcome["value"])) <= BYTES_MAX, name
