# SPDX-License-Identifier: MIT OR Apache-2.0
"""Each command in a real Blender: what it makes, what it refuses, and that its example runs."""

import json
import os
import tomllib

import pytest
from assemble import APP
from before import BEFORE
from instance import wait_until

EXAMPLES = {}
for path in sorted((APP / "commands").glob("*.toml")):
    for verb, told in tomllib.loads(path.read_text("utf-8")).items():
        # What the hub runs is no command of the bridge; its example runs in walk/test_examples.py.
        if verb != "summary" and told.get("runs") != "hub":
            EXAMPLES["%s.%s" % (path.stem, verb)] = told["example"]

# Files that an example reads.
NEEDS = {"file.open": "scene.blend", "file.import": "model.glb"}


@pytest.mark.parametrize("command", sorted(EXAMPLES))
def test_the_example_of_a_command_runs(blender, command):
    need = NEEDS.get(command)
    if need:
        saving = "file.save" if need.endswith(".blend") else "file.export"
        blender.run(saving, path=need, overwrite=True)
        blender.run("file.new")
    for first in BEFORE.get(command, ()):
        blender.run(first, **EXAMPLES[first])
    outcome = blender.call(command, EXAMPLES[command])
    if command == "file.import" and blender.program.name == "blender" and outcome["status"] == "failed":
        assert outcome["problem"]["code"] == "not_supported", outcome  # Debian's 3.4
        return
    assert outcome["status"] == "succeeded", outcome


KINDS = ("cube", "sphere", "ico_sphere", "cylinder", "cone", "torus", "plane", "grid", "circle", "monkey")


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_has_the_size_that_was_asked(blender, kind):
    made = blender.run("object.create", kind=kind, name="It", size=3.0, location=[1, 2, 3], rotation=[0, 0, 90])
    assert made["name"] == "It" and made["type"] == "MESH" and made["active"] and made["selected"]
    assert made["location"] == [1, 2, 3] and made["rotation"] == [0, 0, 90]
    assert made["data"]["faces"] >= 1 and made["data"]["uv_maps"] == ["UVMap"]
    # Suzanne and the ball of triangles do not fill their cube.
    assert 2.0 <= max(made["dimensions"]) <= 4.2
    if kind in ("cube", "plane", "grid", "torus"):
        assert made["dimensions"][0] == pytest.approx(3.0, abs=0.01)


def test_measures_of_a_cylinder_a_grid_and_a_torus(blender):
    made = blender.run("object.create", kind="cylinder", size=1.0, depth=4.0, segments=6)
    assert made["dimensions"][2] == pytest.approx(4.0) and made["data"]["faces"] == 8
    assert blender.run("object.create", kind="grid", segments=3)["data"]["faces"] == 9
    assert blender.run("object.create", kind="plane")["data"]["faces"] == 1
    ring = blender.run("object.create", kind="torus", size=4.0, thickness=1.0, segments=24)
    assert ring["dimensions"] == pytest.approx([4, 4, 1], abs=0.05)
    outwards = """
o = bpy.data.objects[%r]
ring = lambda c: mathutils.Vector((c.x, c.y, 0)).normalized() * 1.5
all(p.normal.dot(p.center - ring(p.center)) > 0 for p in o.data.polygons)
"""
    assert blender.eval(outwards % ring["name"]) is True
    assert blender.problem("object.create", {"kind": "torus", "size": 1, "thickness": 2})["code"] == "arguments_invalid"
    assert "subdivisions" in blender.problem("object.create", {"kind": "ico_sphere", "segments": 30})["message"]


def test_texts_curves_and_empties(blender):
    text = blender.run("object.create", kind="text", text="Kapelle ✓")
    assert text["type"] == "FONT" and text["data"]["text"] == "Kapelle ✓"
    curve = blender.run("object.create", kind="curve", points=[[0, 0, 0], [2, 0, 0], [2, 2, 0]], thickness=0.2)
    assert curve["type"] == "CURVE" and curve["data"]["splines"] == 1 and curve["dimensions"][0] > 2
    assert blender.problem("object.create", {"kind": "curve", "points": [[1, 2]]})["code"] == "arguments_invalid"
    empty = blender.run("object.create", kind="empty", parent=text["name"])
    assert empty["type"] == "EMPTY" and empty["parent"] == text["name"] and empty["bounds"] is None
    blender.run("material.create", name="M")
    assert blender.problem("object.create", {"kind": "empty", "material": "M"})["code"] == "arguments_invalid"


def test_names_that_do_not_exist_are_answered_with_near_ones(blender):
    told = blender.problem("object.get", {"name": "Cuve"})
    assert told["code"] == "not_found" and "'Cube'" in told["hint"]
    assert "'Light'" in blender.problem("object.delete", {"name": "zzzzzzz"})["hint"]
    assert "'Material'" in blender.problem("material.assign", {"material": "Matrial", "object": "Cube"})["hint"]
    told = blender.problem("camera.look_at", {"name": "Cube", "target": [0, 0, 0]})
    assert "Camera" in told["hint"] and "mesh" in told["message"]
    assert "'Scene'" in blender.problem("scene.get", {"name": "Scen"})["hint"]
    assert blender.call("object.list")["value"]["total"] == 3, "a refused call changes nothing"


def test_listing_filters_and_pages(blender):
    for number in range(5):
        blender.run("object.create", kind="empty", name="E%d" % number)
    told = blender.run("object.list", name="E*", limit=2, offset=1)
    assert [one["name"] for one in told["objects"]] == ["E1", "E2"] and told["total"] == 5
    assert blender.run("object.list", type="camera")["total"] == 1
    assert blender.run("object.list", collection="Collection")["total"] == 8
    assert "Collection" in blender.problem("object.list", {"collection": "Colection"})["hint"]


def test_deleting_takes_the_data_and_the_children_if_asked(blender):
    blender.run("object.create", kind="cube", name="Above")
    blender.run("object.create", kind="cube", name="Below", parent="Above")
    assert blender.problem("object.delete", {"names": ["Above", "Nobody"]})["code"] == "not_found"
    assert blender.run("object.list", name="Above")["total"] == 1, "all or nothing"
    told = blender.call("object.delete", {"name": "Above", "children": True})
    assert sorted(told["value"]["deleted"]) == ["Above", "Below"]
    assert {"type": "object", "name": "Above"} in told["changes"]["removed"]
    assert {"type": "mesh", "name": "Above"} in told["changes"]["removed"]
    assert blender.problem("object.delete", {})["code"] == "arguments_invalid"


def test_transforming_sets_or_adds(blender):
    told = blender.run("object.transform", name="Cube", location=[1, 0, 0], rotation=[0, 0, 30], scale=[2, 2, 2])
    assert told["location"] == [1, 0, 0] and told["dimensions"] == [4, 4, 4]
    told = blender.run(
        "object.transform", name="Cube", location=[1, 1, 0], rotation=[0, 0, 15], scale=[0.5, 1, 1], relative=True
    )
    assert told["location"] == [2, 1, 0]
    assert told["rotation"] == pytest.approx([0, 0, 45], abs=1e-3) and told["scale"] == [1, 2, 2]
    blender.eval("bpy.data.objects['Cube'].rotation_mode = 'QUATERNION'")
    told = blender.run("object.transform", name="Cube", rotation=[0, 90, 0])
    assert told["rotation"][1] == pytest.approx(90, abs=1e-3)
    assert blender.problem("object.transform", {"name": "Cube"})["code"] == "arguments_invalid"


def test_objects_can_be_made_while_somebody_edits(blender):
    blender.eval(
        "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']; bpy.ops.object.mode_set(mode='EDIT')"
    )
    assert blender.run("object.create", kind="cube", name="New")["active"]
    assert blender.eval("bpy.context.mode") == "OBJECT"


def test_scene_settings(blender):
    told = blender.run(
        "scene.set",
        engine="cycles",
        samples=7,
        width=320,
        height=200,
        percentage=50,
        frame_start=5,
        frame_end=9,
        frame=6,
    )
    assert (told["engine"], told["samples"], told["width"], told["height"]) == ("cycles", 7, 320, 200)
    assert (told["frame_start"], told["frame_end"], told["frame"], told["percentage"]) == (5, 9, 6, 50)
    assert blender.run("scene.set", frame_start=100, frame_end=200)["frame_end"] == 200
    assert blender.run("scene.set", frame_start=1, frame_end=2)["frame_start"] == 1
    assert blender.problem("scene.set", {"frame_start": 10})["code"] == "arguments_invalid"
    assert blender.run("scene.set", fps=23.976)["fps"] == pytest.approx(23.976, abs=1e-3)
    for engine in ("eevee", "workbench", "cycles"):
        assert blender.run("scene.set", engine=engine)["engine"] == engine
    blender.run("scene.set", background=[0.1, 0.2, 0.3], background_strength=2)
    node = "[n for n in bpy.context.scene.world.node_tree.nodes if n.type == 'BACKGROUND'][0]"
    assert blender.eval("list(%s.inputs[0].default_value)[:3]" % node) == pytest.approx([0.1, 0.2, 0.3])
    assert blender.problem("scene.set", {"camera": "Camra"})["code"] == "not_found"


def test_new_scenes(blender):
    blender.run("scene.set", width=333)
    told = blender.run("scene.new", name="Two")
    assert told["active"] and told["width"] == 333 and told["object_count"] == 0
    assert blender.run("scene.get")["name"] == "Two"
    assert blender.run("scene.set", name="Scene", active=True)["active"]
    assert blender.run("scene.set", name="Two", rename="Three")["name"] == "Three"
    assert not blender.run("scene.new", name="Four", active=False, copy_settings=False)["active"]


def test_materials_under_names_that_hold_across_versions(blender):
    values = {
        "base_color": [0.8, 0.1, 0.05],
        "metallic": 0.25,
        "roughness": 0.3,
        "ior": 1.33,
        "alpha": 0.5,
        "specular": 0.4,
        "transmission": 0.75,
        "coat": 0.5,
        "emission_color": [0, 0.5, 1],
    }
    told = blender.run("material.create", name="All", object="Cube", **values)
    for name, value in values.items():
        assert told[name] == pytest.approx([*value, 1.0] if isinstance(value, list) else value), name
    assert told["emission_strength"] == 1.0 and told["objects"] == ["Cube"]
    assert blender.run("object.get", name="Cube")["materials"] == ["All"]
    told = blender.run("material.assign", material="Material", object="Cube", slot=1)
    assert told["materials"] == ["All", "Material"]
    assert (
        blender.problem("material.assign", {"material": "All", "object": "Cube", "slot": 7})["code"]
        == "arguments_invalid"
    )
    assert blender.problem("material.assign", {"material": "All", "object": "Light"})["code"] == "arguments_invalid"
    names = [one["name"] for one in blender.run("material.list")["materials"]]
    assert "All" in names and "Material" in names


def test_cameras_look_where_they_should(blender):
    aim = """
bpy.context.view_layer.update()
bpy.context.scene.camera.matrix_world.to_3x3() @ mathutils.Vector((0, 0, -1))
"""
    told = blender.run("camera.create", name="Eye", location=[0, -5, 0], lens=35)
    assert told["camera"]["active"] and told["camera"]["lens"] == 35
    assert blender.eval(aim) == pytest.approx([0, 1, 0], abs=1e-5)
    blender.run("object.transform", name="Cube", location=[10, -5, 0])
    told = blender.run("camera.look_at", target="Cube", distance=4)
    assert blender.eval(aim) == pytest.approx([1, 0, 0], abs=1e-5) and told["location"] == pytest.approx(
        [6, -5, 0], abs=1e-4
    )
    blender.run("object.create", kind="empty", name="Rig", rotation=[0, 0, 90], location=[1, 1, 1])
    blender.eval("bpy.data.objects['Eye'].parent = bpy.data.objects['Rig']")
    blender.run("camera.look_at", target=[100, 0, 0])
    goal = blender.eval(
        "(mathutils.Vector((100, 0, 0)) - bpy.data.objects['Eye'].matrix_world.translation).normalized()"
    )
    assert blender.eval(aim) == pytest.approx(goal, abs=1e-4), "also below a turned parent"
    assert not blender.run("camera.set", name="Camera", kind="orthographic", ortho_scale=3)["camera"]["active"]
    assert blender.run("camera.set", name="Camera", active=True)["camera"]["active"]
    assert blender.run("camera.get")["name"] == "Camera"
    told = blender.problem("camera.create", {"rotation": [0, 0, 0], "look_at": [1, 1, 1]})
    assert told["code"] == "arguments_invalid"
    assert blender.problem("camera.look_at", {"target": [1, 2]})["code"] == "arguments_invalid"
    blender.run("camera.set", active=False)
    assert "camera.create" in blender.problem("camera.get")["hint"] or "'Eye'" in blender.problem("camera.get")["hint"]


def test_lights(blender):
    told = blender.run("light.create", kind="area", name="Key", location=[0, 0, 5], look_at="Cube", energy=12, size=3)
    assert told["light"] == {"kind": "area", "energy": 12, "color": [1, 1, 1], "size": 3}
    sun = blender.run("light.create", kind="sun", size=2)
    assert sun["light"]["energy"] == 3 and sun["light"]["size"] == pytest.approx(2)
    spot = blender.run("light.create", kind="spot", angle=30, size=0.5)
    assert spot["light"]["size"] == 0.5
    assert blender.problem("light.set", {"name": "Key", "angle": 20})["code"] == "arguments_invalid"
    told = blender.run("light.set", name="Key", energy=99, color=[1, 0.5, 0.25], location=[1, 1, 1])
    assert told["light"]["energy"] == 99 and told["location"] == [1, 1, 1]
    assert blender.problem("light.set", {"name": "Cube"})["code"] == "not_found"


def test_what_operators_say_while_a_file_is_saved_is_logged(blender):
    outcome = blender.run_outcome("file.save", path="said.blend", overwrite=True)
    assert outcome["output"]["stdout"] == ""
    assert any("said.blend" in one["text"] and one["level"] == "info" for one in outcome["output"]["logs"])


def test_wrong_argument_names_are_told(blender):
    told = blender.problem("object.get", {"nam": "Cube"})
    assert "nam" in told["message"] and "name" in told["hint"]
    assert "object" in blender.problem("object.craete", {})["hint"]


def test_the_state_is_pushed_after_a_change(blender):
    blender.hub.forget()
    blender.run("object.create", kind="cube", name="Seen")

    def pushed():
        # That of the fresh file may still come.
        states = [one["state"] for one in blender.hub.messages if one["t"] == "state"]
        return next((one for one in states if one["active"] == "Seen"), None)

    wait_until(pushed)
    told = pushed()
    assert told["dirty"] and told["objects"]["mesh"] == 2
    assert told["revision"] >= 1 and told["file"] is None and told["engine"] in ("eevee", "cycles")


def test_the_announcement(blender):
    told = blender.announcement
    assert told["app"] == "blender" and told["mode"] == (
        "background" if blender.program.kind == "blender" else "module"
    )
    assert told["version"].count(".") == 2 and told["pid"] == blender.process.pid
    assert os.path.exists(told["host"]["program"])


def test_the_still_life_of_the_examples(blender):
    calls = json.loads((APP / "examples" / "still_life.json").read_text("utf-8"))
    for call in calls:
        args = dict(call["args"], samples=1) if call["command"] == "render.still" else call["args"]
        outcome = blender.call(call["command"], args)
        assert outcome["status"] == "succeeded", (call, outcome["problem"])
    assert blender.run("object.list", type="mesh")["total"] == 4
    for name in ("still-life.blend", "still-life.glb", "still-life.png"):
        assert os.path.getsize(os.path.join(blender.home, name)) > 1000
