# SPDX-License-Identifier: MIT OR Apache-2.0
"""Constraints: tying objects to each other, with settings checked by Blender's own description of them."""

import pytest

AIM = """
bpy.context.view_layer.update()
c = bpy.data.objects['Camera'].matrix_world
to = bpy.data.objects['Cube'].matrix_world.translation - c.translation
(c.to_3x3() @ mathutils.Vector((0, 0, -1))).normalized().dot(to.normalized())
"""


def test_a_camera_that_keeps_looking(blender):
    outcome = blender.call("constraint.add", {"object": "Camera", "kind": "Track To", "target": "Cube"})
    told = outcome["value"]
    assert told["name"] == "Track To" and told["kind"] == "track_to" and told["settings"]["target"] == "Cube"
    assert {"type": "object", "name": "Camera"} in outcome["changes"]["changed"]
    blender.run("object.transform", name="Cube", location=[3, 20, -4])
    assert blender.eval(AIM) == pytest.approx(1, abs=1e-5)
    told = blender.run("constraint.set", object="Camera", name="Track To", enabled=False)
    assert not told["enabled"] and blender.eval(AIM) < 0.99


def test_following_a_place_and_staying_there(blender):
    blender.run("object.transform", name="Light", location=[5, 6, 7])
    told = blender.run(
        "constraint.add", object="Cube", kind="follow", target="Light", name="F", settings={"use_z": False}
    )
    assert told["kind"] == "copy_location" and told["world_location"] == pytest.approx([5, 6, 0], abs=1e-5)
    told = blender.run("constraint.set", object="Cube", name="F", influence=0.5)
    assert told["world_location"] == pytest.approx([2.5, 3, 0], abs=1e-5)
    told = blender.run("constraint.remove", object="Cube", name="F", keep_transform=True)
    assert told == {"object": "Cube", "removed": ["F"], "left": []}
    assert blender.run("object.get", name="Cube")["location"] == pytest.approx([2.5, 3, 0], abs=1e-5)


def test_following_a_path(blender):
    blender.run("object.create", kind="curve", name="Road", points=[[0, 0, 0], [10, 0, 0]])
    settings = {"use_fixed_location": True, "offset_factor": 0.0}
    blender.run("constraint.add", object="Light", kind="follow_path", target="Road", name="P", settings=settings)
    blender.run("object.transform", name="Light", location=[0, 0, 0])
    told = blender.run("constraint.set", object="Light", name="P", settings={"offset_factor": 1.0})
    assert told["world_location"] == pytest.approx([10, 0, 0], abs=1e-3)
    blender.run(
        "animation.keyframe", name="Light", path='constraints["P"].offset_factor', frames=[1, 11], values=[0, 1]
    )
    assert blender.run("animation.get", name="Light")["keys"] == 2


def test_angles_are_degrees(blender):
    blender.run("constraint.add", object="Cube", kind="limit_rotation", settings={"use_limit_z": True, "max_z": 90})
    assert blender.eval("bpy.data.objects['Cube'].constraints[0].max_z") == pytest.approx(1.5707964)
    assert blender.run("constraint.list", object="Cube")["constraints"][0]["settings"]["max_z"] == pytest.approx(90)


WRONG = {
    "kind": ({"kind": "trak_to"}, "not_found", "'track_to'"),
    "target": ({"target": "Cub"}, "not_found", "'Cube'"),
    "no target": ({"kind": "limit_location"}, "not_found", "no setting 'target'"),
    "curve": ({"kind": "follow_path"}, "arguments_invalid", "needs a curve"),
    "setting": ({"settings": {"use_targt_z": True}}, "not_found", "'use_target_z'"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_does_not_fit_adds_nothing(blender, case):
    args, code, said = WRONG[case]
    told = blender.problem("constraint.add", {"object": "Camera", "kind": "track_to", "target": "Cube", **args})
    assert told["code"] == code and said in told["message"] + told.get("hint", ""), told
    assert blender.run("constraint.list", object="Camera")["constraints"] == []


def test_every_kind_can_be_added_and_listed(blender):
    for one in blender.run("constraint.kinds")["kinds"]:
        outcome = blender.call("constraint.add", {"object": "Cube", "kind": one["kind"]})
        if outcome["status"] == "failed":  # what only bones can have
            assert outcome["problem"]["code"] in ("arguments_invalid", "call_failed"), (one, outcome["problem"])
            continue
        assert blender.run("constraint.list", object="Cube")["constraints"][-1]["kind"] == one["kind"]
    blender.run("constraint.remove", object="Cube")
    assert blender.run("constraint.list", object="Cube")["constraints"] == []
    told = blender.problem("constraint.remove", {"object": "Cube", "name": "X"})
    assert told["code"] == "not_found"
