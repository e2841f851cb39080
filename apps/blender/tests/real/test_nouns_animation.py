# SPDX-License-Identifier: MIT OR Apache-2.0
"""Keyframes, the same on Blenders whose actions have slots and on those whose have none."""

import pytest


def keys(told, path="location", index=None):
    return [
        [(key["frame"], key["value"]) for key in one["keys"]]
        for one in told["curves"]
        if one["path"] == path and index in (None, one["index"])
    ]


def at(blender, frame, what):
    return blender.eval("bpy.context.scene.frame_set(%d); %s" % (frame, what))


def test_values_at_frames(blender):
    outcome = blender.call(
        "animation.keyframe",
        {
            "name": "Cube",
            "path": "location",
            "frames": [1, 11],
            "values": [[0, 0, 0], [0, 0, 10]],
            "interpolation": "linear",
        },
    )
    told = outcome["value"]
    assert keys(told) == [[(1, 0), (11, 0)], [(1, 0), (11, 0)], [(1, 0), (11, 10)]]
    assert {key["interpolation"] for one in told["curves"] for key in one["keys"]} == {"linear"}
    changes = outcome["changes"]
    assert {"type": "object", "name": "Cube"} in changes["changed"]
    assert [one["type"] for one in changes["added"]] == ["action"]
    assert at(blender, 6, "bpy.data.objects['Cube'].location[2]") == pytest.approx(5)
    assert blender.run("object.get", name="Cube")["animated"]
    got = blender.run("animation.get", name="Cube")
    assert got["keys"] == 6 and got["frames"] == [1, 11] and keys(got) == keys(told)


def test_one_axis_in_degrees(blender):
    blender.run("scene.set", frame=5)
    told = blender.run(
        "animation.keyframe", name="Cube", path="rotation.z", frames=[1, 25], values=[0, 360], repeat=True
    )
    assert keys(told, "rotation_euler", 2) == [[(1, 0), (25, 360)]] and told["curves"][0]["unit"] == "degrees"
    assert told["curves"][0]["repeats"]
    assert blender.run("scene.get")["frame"] == 5, "the current frame stays"
    assert at(blender, 25, "bpy.data.objects['Cube'].rotation_euler[2]") == pytest.approx(6.2831853)
    told = blender.run("animation.keyframe", name="Cube", path="rotation.z", frames=[1], values=[0], repeat=False)
    assert "repeats" not in told["curves"][0]


def test_rotations_in_other_modes(blender):
    blender.run("object.set", name="Cube", settings={"rotation_mode": "QUATERNION"})
    told = blender.run(
        "animation.keyframe", name="Cube", path="rotation", frames=[1, 9], values=[[0, 0, 0], [0, 0, 90]]
    )
    assert len(told["curves"]) == 4
    assert at(blender, 9, "bpy.data.objects['Cube'].rotation_quaternion[3]") == pytest.approx(0.7071, abs=1e-3)
    told = blender.problem("animation.keyframe", {"name": "Cube", "path": "rotation.z", "frames": [1], "values": [1]})
    assert "rotation_mode" in told["hint"]


def test_what_is_now_is_keyed_without_values(blender):
    blender.run("object.transform", name="Cube", location=[1, 2, 3])
    assert keys(blender.run("animation.keyframe", name="Cube", path="location.x")) == [[(1, 1)]]
    blender.run("animation.keyframe", name="Cube", path="location.x", frames=[11], values=[11], interpolation="linear")
    blender.run("animation.keyframe", name="Cube", path="location.x", frames=[1], values=[1], interpolation="linear")
    told = blender.run("animation.keyframe", name="Cube", path="location.x", frames=[6])
    assert keys(told)[0][1] == (6, pytest.approx(6)), "what it is at that frame"


def test_other_things_than_objects(blender):
    blender.run("animation.keyframe", name="Camera", of="data", path="lens", frames=[1, 10], values=[35, 85])
    assert at(blender, 10, "bpy.data.objects['Camera'].data.lens") == 85
    blender.run("animation.keyframe", name="Light", of="data", path="energy", frames=[1, 10], values=[0, 500])
    told = blender.run(
        "animation.keyframe",
        name="Material",
        of="material",
        path="base_color",
        frames=[1, 10],
        values=[[1, 0, 0], [0, 0, 1, 1]],
    )
    assert len(told["curves"]) == 4
    at(blender, 10, "1")
    assert blender.run("material.get", name="Material")["base_color"] == pytest.approx([0, 0, 1, 1])
    blender.run("animation.keyframe", name="World", of="world", path="strength", frames=[1, 10], values=[0, 3])
    assert blender.run("world.get")["strength"] == 3
    blender.run("animation.keyframe", name="Scene", of="scene", path="gravity.z", frames=[1], values=[-5])
    blender.eval("o = bpy.data.objects['Cube']; o.shape_key_add(name='Basis'); o.shape_key_add(name='Smile'); None")
    blender.run("animation.keyframe", name="Cube", of="shape_key", path="Smile", frames=[1, 10], values=[0, 1])
    assert at(blender, 10, "bpy.data.objects['Cube'].data.shape_keys.key_blocks['Smile'].value") == 1
    listed = {(one["name"], one["of"]): one for one in blender.run("animation.list")["animated"]}
    assert set(listed) == {
        ("Camera", "data"),
        ("Light", "data"),
        ("Material", "material"),
        ("World", "world"),
        ("Scene", "scene"),
        ("Cube", "shape_key"),
    }
    assert listed["Camera", "data"]["frames"] == [1, 10] and listed["Camera", "data"]["paths"] == ["lens"]
    assert blender.run("animation.get", name="Material", of="material")["keys"] == 8
    assert blender.run("animation.clear", name="Material", of="material")["removed"] == 8
    assert blender.run("animation.get", name="Material", of="material")["curves"] == []


def test_switches_modifiers_and_custom_properties(blender):
    told = blender.run("animation.keyframe", name="Cube", path="hide_render", frames=[1, 10], values=[False, True])
    assert keys(told, "hide_render") == [[(1, 0), (10, 1)]]
    blender.run("modifier.add", object="Cube", kind="bevel")
    blender.run("animation.keyframe", name="Cube", path='modifiers["Bevel"].width', frames=[1, 10], values=[0, 1])
    assert at(blender, 10, "bpy.data.objects['Cube'].modifiers['Bevel'].width") == 1
    blender.run("object.set", name="Cube", properties={"speed": 1.5})
    blender.run("animation.keyframe", name="Cube", path='["speed"]', frames=[1, 10], values=[1.5, 3.0])
    assert at(blender, 10, "bpy.data.objects['Cube']['speed']") == 3.0


WRONG = {
    "name": ({"name": "Cub"}, "not_found", "'Cube'"),
    "path": ({"path": "locaton"}, "not_found", "'location'"),
    "axis": ({"path": "location[7]", "values": [1, 2]}, "arguments_invalid", "component 7"),
    "nowhere": ({"path": 'modifiers["No"].width', "values": [1, 2]}, "not_found", "does not exist in"),
    "other": ({"path": "data.nothing", "values": [1, 2]}, "not_found", ""),
    "custom": ({"path": '["sped"]', "values": [1, 2]}, "not_found", ""),
    "counts": ({"values": [[0, 0, 0]]}, "arguments_invalid", "one value per frame"),
    "form": ({"values": [1, 2]}, "arguments_invalid", "3 numbers"),
    "text": ({"path": "location.x", "values": ["a", "b"]}, "arguments_invalid", "numbers"),
    "frames": ({"frames": ["one", "two"]}, "arguments_invalid", "frames"),
    "not animatable": ({"path": "name", "values": [1, 2]}, "arguments_invalid", ""),
    "data of an empty": ({"name": "Empty", "of": "data", "path": "x"}, "arguments_invalid", "empty"),
    "no shape keys": ({"of": "shape_key", "path": "x"}, "not_found", "shape keys"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_cannot_be_animated(blender, case):
    args, code, said = WRONG[case]
    blender.run("object.create", kind="empty")
    whole = {"name": "Cube", "path": "location", "frames": [1, 5], "values": [[0, 0, 0], [1, 1, 1]], **args}
    told = blender.problem("animation.keyframe", whole)
    assert told["code"] == code and said in told["message"] + told.get("hint", ""), told
    assert blender.run("animation.list")["animated"] == []


def test_clearing(blender):
    for path in ("location", "scale"):
        blender.run("animation.keyframe", name="Cube", path=path, frames=[1, 5, 9], values=[[1, 1, 1]] * 3)
    told = blender.run("animation.clear", name="Cube", path="location", frame_start=2, frame_end=6)
    assert told["removed"] == 3 and told["curves_left"] == 6
    assert keys(blender.run("animation.get", name="Cube"), index=0) == [[(1, 1), (9, 1)]]
    told = blender.run("animation.clear", name="Cube", path="location.x")
    assert told["removed"] == 2 and told["curves_left"] == 5
    assert "'location'" in blender.problem("animation.clear", {"name": "Cube", "path": "location.x"})["hint"]
    outcome = blender.call("animation.clear", {"name": "Cube"})
    assert outcome["value"]["removed"] == 13 and outcome["value"]["curves_left"] == 0
    assert [one["type"] for one in outcome["changes"]["removed"]] == ["action"]
    assert not blender.run("object.get", name="Cube")["animated"]
    assert blender.run("animation.clear", name="Cube")["removed"] == 0
    assert blender.run("animation.list")["animated"] == []


def test_long_animations_are_told_in_part(blender):
    blender.run("animation.keyframe", name="Cube", path="location.x", frames=list(range(50)), values=list(range(50)))
    blender.run("animation.keyframe", name="Cube", path="scale.x", frames=[1], values=[1])
    told = blender.run("animation.get", name="Cube", limit=20)
    assert len(told["curves"]) == 1 and len(told["curves"][0]["keys"]) == 20 and told["curves"][0]["count"] == 50
    assert told["keys"] == 51 and told["frames"] == [0, 49]
