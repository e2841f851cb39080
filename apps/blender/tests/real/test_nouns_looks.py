# SPDX-License-Identifier: MIT OR Apache-2.0
"""Materials, images on them, the world, lights and cameras: under names that hold across versions."""

import os

import pytest

# A picture of one colour, written by Blender itself.
PICTURE = """
i = bpy.data.images.new("made", 8, 4)
i.pixels = [1, 0, 0, 1] * 32
i.filepath_raw = %r
i.file_format = "PNG"
i.save()
bpy.data.images.remove(i)
None
"""


@pytest.fixture
def picture(blender):
    path = os.path.join(str(blender.home), "red.png")
    blender.eval(PICTURE % path)
    return path


def test_make_it_red(blender):
    outcome = blender.call("material.set", {"object": "Cube", "base_color": [0.8, 0.02, 0.02], "roughness": 0.25})
    told = outcome["value"]
    assert told["name"] == "Material" and told["base_color"] == pytest.approx([0.8, 0.02, 0.02, 1])
    assert told["roughness"] == 0.25 and told["objects"] == ["Cube"]
    assert {"type": "material", "name": "Material"} in outcome["changes"]["changed"]
    assert blender.run("material.get", object="Cube") == told == blender.run("material.get", name="Material")


def test_every_input_that_has_a_name(blender):
    values = {
        "base_color": [0.1, 0.2, 0.3],
        "metallic": 0.1,
        "roughness": 0.2,
        "ior": 1.2,
        "alpha": 0.9,
        "specular": 0.3,
        "transmission": 0.4,
        "coat": 0.5,
        "coat_roughness": 0.6,
        "sheen": 0.7,
        "subsurface": 0.8,
        "anisotropic": 0.15,
        "emission_color": [0.3, 0.2, 0.1],
        "emission_strength": 4.0,
    }
    told = blender.run("material.set", name="Material", **values)
    for name, value in values.items():
        assert told[name] == pytest.approx([*value, 1.0] if isinstance(value, list) else value), name


def test_an_object_without_a_material_gets_one(blender):
    blender.run("object.create", kind="cube", name="Bare")
    told = blender.run("material.set", object="Bare", metallic=1)
    assert told["name"] == "Bare" and told["objects"] == ["Bare"] and told["metallic"] == 1
    assert blender.problem("material.set", {"object": "Light", "metallic": 1})["code"] == "arguments_invalid"
    assert blender.problem("material.get", {"object": "Light"})["code"] == "arguments_invalid"


def test_a_shared_material_changes_for_all_unless_own(blender):
    blender.run("object.duplicate", name="Cube", new_name="Twin")
    told = blender.run("material.set", object="Twin", roughness=0.1)
    assert sorted(told["objects"]) == ["Cube", "Twin"]
    told = blender.run("material.set", object="Twin", roughness=0.9, own=True)
    assert told["objects"] == ["Twin"] and told["name"] != "Material"
    assert blender.run("material.get", object="Cube")["roughness"] == pytest.approx(0.1)
    assert blender.run("material.set", object="Twin", roughness=0.8, own=True)["name"] == told["name"], "it has its own"


def test_glow_needs_a_strength(blender):
    assert blender.run("material.set", name="Material", emission_color=[0, 1, 0])["emission_strength"] == 1
    assert (
        blender.run("material.set", name="Material", emission_color=[1, 1, 0], emission_strength=0)["emission_strength"]
        == 0
    )


def test_images_and_values_replace_each_other(blender, picture):
    told = blender.run("material.set", name="Material", base_color_image="red.png", roughness_image=picture)
    assert told["textures"]["base_color"] == {"image": "red.png", "path": picture}
    assert sorted(told["linked"]) == ["base_color", "roughness"]
    # Both name one image: what is no colour is read as plain numbers.
    assert blender.eval("bpy.data.images['red.png'].colorspace_settings.name") == "Non-Color"
    count = blender.eval("len(bpy.data.materials['Material'].node_tree.nodes)")
    blender.run("material.set", name="Material", base_color_image="red.png")
    assert blender.eval("len(bpy.data.materials['Material'].node_tree.nodes)") == count, "the node is used again"
    told = blender.run("material.set", name="Material", base_color=[0, 0, 1])
    assert "base_color" not in told["textures"] and told["linked"] == ["roughness"]
    assert told["base_color"] == [0, 0, 1, 1]


def test_normal_maps(blender, picture):
    told = blender.run("material.set", name="Material", normal_image=picture, normal_strength=0.5)
    assert told["textures"]["normal"]["image"] == "red.png"
    node = "[n for n in bpy.data.materials['Material'].node_tree.nodes if n.type == 'NORMAL_MAP']"
    assert blender.eval("[len(%s), %s[0].inputs['Strength'].default_value]" % (node, node)) == [1, 0.5]
    blender.run("material.set", name="Material", normal_strength=0.75, normal_image="red.png")
    assert blender.eval("[len(%s), %s[0].inputs['Strength'].default_value]" % (node, node)) == [1, 0.75]


def test_images_that_cannot_be(blender, picture):
    told = blender.problem("material.set", {"name": "Material", "base_color_image": "rad.png"})
    assert told["code"] == "file_not_found" and "red.png" in told["hint"]
    told = blender.problem(
        "material.set", {"name": "Material", "base_color_image": "/etc/passwd"}, scopes=("read", "write")
    )
    assert told["code"] == "path_refused"
    with open(os.path.join(str(blender.home), "no.png"), "w", encoding="utf-8") as no:
        no.write("no picture")
    before = blender.run("material.get", name="Material")
    outcome = blender.call("material.set", {"name": "Material", "base_color_image": "no.png", "metallic": 1})
    if outcome["status"] == "failed":
        assert blender.run("material.get", name="Material") == before


WRONG = {
    "nothing": ({"name": "Material"}, "arguments_invalid", "nothing"),
    "which": ({"metallic": 1}, "arguments_invalid", "Which"),
    "both": ({"name": "Material", "object": "Cube", "metallic": 1}, "arguments_invalid", "Which"),
    "name": ({"name": "Matrial", "metallic": 1}, "not_found", "'Material'"),
    "object": ({"object": "Cub", "metallic": 1}, "not_found", "'Cube'"),
    "slot": ({"object": "Cube", "slot": 4, "metallic": 1}, "arguments_invalid", "slots"),
    "input": ({"name": "Material", "inputs": {"Roughnes": 1}}, "not_found", "'Roughness'"),
    "value": ({"name": "Material", "inputs": {"Roughness": "x"}}, "arguments_invalid", "Roughness"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_materials_that_cannot_be_set(blender, case):
    args, code, said = WRONG[case]
    told = blender.problem("material.set", args)
    assert told["code"] == code and said in told["message"] + told.get("hint", ""), told


def test_inputs_by_their_labels_and_properties(blender):
    outcome = blender.call(
        "material.set", {"name": "Material", "inputs": {"Roughness": 0.125}, "properties": {"price": 3}}
    )
    assert outcome["value"]["roughness"] == 0.125 and outcome["value"]["properties"] == {"price": 3}
    assert {"type": "material", "name": "Material"} in outcome["changes"]["changed"]


def test_copies_names_slots_and_deletion(blender):
    told = blender.run("material.duplicate", name="Material", new_name="Blue", object="Cube", slot=1)
    assert told["name"] == "Blue" and told["objects"] == ["Cube"]
    blender.run("material.set", name="Blue", base_color=[0, 0, 1])
    assert blender.run("material.get", name="Material")["base_color"] != [0, 0, 1, 1]
    assert blender.problem("material.rename", {"name": "Blue", "to": "Material"})["code"] == "name_taken"
    assert blender.run("material.rename", name="Blue", to="Azure")["name"] == "Azure"
    assert blender.run("material.unassign", object="Cube", slot=0)["materials"] == ["Azure"]
    assert blender.problem("material.unassign", {"object": "Cube", "slot": 3})["code"] == "arguments_invalid"
    assert "Material" in blender.run("material.delete", unused=True)["deleted"]
    outcome = blender.call("material.delete", {"name": "Azure"})
    assert {"type": "material", "name": "Azure"} in outcome["changes"]["removed"]
    assert blender.run("object.get", name="Cube")["materials"] == [None]
    assert blender.problem("material.delete", {})["code"] == "arguments_invalid"
    assert blender.problem("material.delete", {"name": "Azure"})["code"] == "not_found"


def test_worlds_of_one_colour(blender):
    outcome = blender.call("world.set", {"color": [0.1, 0.2, 0.3], "strength": 2})
    told = outcome["value"]
    assert told["kind"] == "color" and told["color"] == pytest.approx([0.1, 0.2, 0.3]) and told["strength"] == 2
    assert told["users"] == ["Scene"] and blender.run("world.get") == told
    assert {"type": "world", "name": "World"} in outcome["changes"]["changed"]


def test_worlds_of_an_image(blender, picture):
    told = blender.run("world.set", image="red.png", rotation=30, strength=0.5)
    assert told["kind"] == "image" and told["image"] == {"image": "red.png", "path": picture}
    assert told["rotation"] == pytest.approx(30) and told["strength"] == 0.5
    assert blender.run("world.set", rotation=-45)["rotation"] == pytest.approx(-45)
    count = blender.eval("len(bpy.context.scene.world.node_tree.nodes)")
    blender.run("world.set", image=picture)
    assert blender.eval("len(bpy.context.scene.world.node_tree.nodes)") == count
    assert blender.run("world.set", color=[1, 0, 0])["kind"] == "color"
    assert blender.problem("world.set", {"rotation": 5})["code"] == "arguments_invalid"
    assert blender.problem("world.set", {"image": "rde.png"})["code"] == "file_not_found"


def test_worlds_of_a_sky(blender):
    told = blender.run("world.set", sky=True, sun_elevation=5, sun_rotation=120, strength=0.1)
    assert told["kind"] == "sky" and told["sun_elevation"] == pytest.approx(5, abs=1e-3)
    assert told["sun_rotation"] == pytest.approx(120, abs=1e-3) and told["sun_strength"] == 1
    assert blender.run("world.set", sun_elevation=60)["sun_elevation"] == pytest.approx(60, abs=1e-3)


def test_worlds_that_cannot_be(blender):
    assert "sky=true" in blender.problem("world.set", {"sun_elevation": 5})["hint"]
    assert blender.problem("world.set", {"sky": True, "color": [1, 1, 1]})["code"] == "arguments_invalid"
    assert blender.problem("world.set", {})["code"] == "arguments_invalid"
    assert "'World'" in blender.problem("world.get", {"name": "Wrold"})["hint"]
    blender.run("scene.new", name="Two", copy_settings=False)
    assert "world.set" in blender.problem("world.get")["hint"]
    assert blender.run("world.set", color=[1, 1, 1])["users"] == ["Two"]


def test_lights_change_their_kind(blender):
    told = blender.run("light.set", name="Light", kind="spot", angle=40, blend=0.5, size=1)
    assert told["light"]["kind"] == "spot" and told["light"]["angle"] == pytest.approx(40)
    assert told["light"]["blend"] == 0.5 and told["light"]["size"] == 1
    told = blender.run("light.set", name="Light", kind="area", size=3)
    assert told["light"]["kind"] == "area" and told["light"]["size"] == 3
    assert "blend" in blender.problem("light.set", {"name": "Light", "blend": 0.5})["message"]
    assert blender.run("light.get", name="Light")["light"]["kind"] == "area"
    assert "'Light'" in blender.problem("light.get", {"name": "Lihgt"})["hint"]
    assert blender.problem("light.create", {"kind": "sun", "angle": 10})["code"] == "arguments_invalid"
    assert blender.run("object.list", type="light")["total"] == 1, "a refused light is not made"


def test_depth_of_field(blender):
    told = blender.run("camera.set", focus="Cube", aperture=1.4)["camera"]
    assert told["depth_of_field"] and told["focus"] == "Cube" and told["aperture"] == pytest.approx(1.4)
    told = blender.run("camera.set", focus=7.5, depth_of_field=False)["camera"]
    assert not told["depth_of_field"] and told["focus"] == 7.5
    assert blender.problem("camera.set", {"focus": "Cubee"})["code"] == "not_found"
    assert blender.problem("camera.set", {"focus": -1})["code"] == "arguments_invalid"


# Where the corners of what is seen lie in the picture: 0 to 1 in both directions.
SEEN = """
from bpy_extras.object_utils import world_to_camera_view
s = bpy.context.scene
found = []
for name in %r:
    o = bpy.data.objects[name]
    e = o.evaluated_get(bpy.context.evaluated_depsgraph_get())
    found += [list(world_to_camera_view(s, s.camera, o.matrix_world @ mathutils.Vector(c))) for c in e.bound_box]
[[min(f[i] for f in found) for i in range(3)], [max(f[i] for f in found) for i in range(3)]]
"""


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
@pytest.mark.parametrize("side", [None, "front", "top", "left", "three_quarter"])
@pytest.mark.parametrize("size", [(1920, 1080), (400, 900)], ids=str)
def test_cameras_frame_what_they_should(blender, kind, side, size):
    blender.run("scene.set", width=size[0], height=size[1])
    blender.run("object.create", kind="cylinder", name="Tall", location=[30, 2, 0], size=2, depth=9)
    blender.run("modifier.add", object="Cube", kind="array", settings={"count": 3})
    blender.run("camera.set", kind=kind, lens=70, shift_x=0.2)
    before = blender.run("camera.get")["rotation"]
    told = blender.run("camera.frame", margin=0.1, **({"side": side} if side else {}))
    if side is None:
        assert told["rotation"] == pytest.approx(before, abs=1e-2)
    low, high = blender.eval(SEEN % (["Cube", "Tall"],))
    tightest = min(low[0], low[1], 1 - high[0], 1 - high[1])
    assert tightest == pytest.approx(0.1, abs=2e-3), "nothing is cut off, and it is as near as it can be"
    assert low[2] > told["camera"]["clip"][0] and high[2] < told["camera"]["clip"][1]


def test_framing_some_objects_and_small_and_large_ones(blender):
    blender.run("object.create", kind="cube", name="Far", location=[5000, 0, 0], size=1000)
    told = blender.run("camera.frame", objects=["Far"], side="front", margin=0)
    assert told["camera"]["clip"][1] > 1000
    low, high = blender.eval(SEEN % (["Far"],))
    assert min(low[0], low[1], 1 - high[0], 1 - high[1]) == pytest.approx(0, abs=2e-3)
    blender.run("object.create", kind="cube", name="Grain", size=0.001)
    told = blender.run("camera.frame", objects=["Grain"], margin=0.2)
    assert told["camera"]["clip"][0] < 0.01
    low, high = blender.eval(SEEN % (["Grain"],))
    assert min(low[0], low[1], 1 - high[0], 1 - high[1]) == pytest.approx(0.2, abs=5e-3)


def test_framing_from_below_a_turned_parent(blender):
    blender.run("object.create", kind="empty", name="Rig", location=[4, 5, 6], rotation=[10, 20, 30], scale=[2, 2, 2])
    blender.run("object.parent", name="Camera", parent="Rig")
    blender.run("camera.frame", objects=["Cube"], side="right")
    low, high = blender.eval(SEEN % (["Cube"],))
    assert min(low[0], low[1], 1 - high[0], 1 - high[1]) == pytest.approx(0.05, abs=2e-3)


def test_framing_what_is_not_there(blender):
    assert "'Cube'" in blender.problem("camera.frame", {"objects": ["Cueb"]})["hint"]
    blender.run("camera.frame", objects=["Light"])
    blender.run("object.delete", name="Cube")
    assert blender.problem("camera.frame")["code"] == "not_found"
    blender.run("object.delete", name="Camera")
    assert "camera.create" in blender.problem("camera.frame")["hint"]
