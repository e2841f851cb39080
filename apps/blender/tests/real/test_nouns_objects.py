# SPDX-License-Identifier: MIT OR Apache-2.0
"""Objects beyond making and moving them: copies, names, parents, selection, settings, data."""

import pytest


def changed(outcome, kind="object"):
    return {one["name"] for one in outcome["changes"]["changed"] if one["type"] == kind}


def test_copies_in_a_row(blender):
    told = blender.run("object.duplicate", name="Cube", count=3, offset=[3, 0, 0], rotation_offset=[0, 0, 10])
    assert [one["name"] for one in told["objects"]] == ["Cube.001", "Cube.002", "Cube.003"] and told["total"] == 3
    assert [one["location"][0] for one in told["objects"]] == [3, 6, 9]
    last = blender.run("object.get", name="Cube.003")
    assert last["rotation"] == pytest.approx([0, 0, 30], abs=1e-3) and last["active"] and last["selected"]
    assert last["data"]["name"] != "Cube" and last["materials"] == ["Material"]
    assert blender.run("object.get", name="Cube")["data"]["users"] == 1


def test_linked_copies_share_their_mesh_and_keyframes(blender):
    blender.run("animation.keyframe", name="Cube", path="location.z", frames=[1, 10], values=[0, 5])
    told = blender.run("object.duplicate", name="Cube", linked=True, new_name="Twin")
    assert told["objects"][0]["name"] == "Twin"
    assert blender.run("object.get", name="Twin")["data"] == blender.run("object.get", name="Cube")["data"]
    blender.run("object.duplicate", name="Cube", new_name="Own")
    blender.run("animation.clear", name="Own")
    assert blender.run("animation.get", name="Cube")["keys"] == 2, "a copy has keyframes of its own"
    assert blender.run("animation.get", name="Twin")["keys"] == 2


def test_copies_with_what_hangs_below_point_to_each_other(blender):
    blender.run("object.create", kind="empty", name="Rig", location=[1, 0, 0])
    blender.run("object.parent", name="Cube", parent="Rig")
    blender.run("modifier.add", object="Cube", kind="mirror", settings={"mirror_object": "Rig"})
    blender.run("collection.create", name="Copies")
    told = blender.run("object.duplicate", name="Rig", children=True, offset=[0, 5, 0], collection="Copies")
    assert [one["name"] for one in told["objects"]] == ["Rig.001"]
    copy = blender.run("object.get", name="Cube.001")
    assert copy["parent"] == "Rig.001" and copy["collections"] == ["Copies"]
    assert copy["world_location"] == pytest.approx([0, 5, 0], abs=1e-5)
    modifiers = blender.run("modifier.list", object="Cube.001")["modifiers"]
    assert modifiers[0]["settings"]["mirror_object"] == "Rig.001"
    assert blender.problem("object.duplicate", {"name": "Cub"})["hint"] == "Did you mean 'Cube'?"


def test_renaming(blender):
    outcome = blender.call("object.rename", {"name": "Cube", "to": "Body"})
    assert outcome["value"]["name"] == "Body" and outcome["value"]["data"]["name"] == "Body"
    assert {"type": "object", "name": "Body", "was": "Cube"} in outcome["changes"]["changed"]
    told = blender.problem("object.rename", {"name": "Body", "to": "Light"})
    assert told["code"] == "name_taken" and "'Light'" in told["message"]
    assert blender.problem("object.rename", {"name": "Body", "to": " "})["code"] == "arguments_invalid"
    assert blender.run("object.rename", name="Body", to="Leib", data=False)["data"]["name"] == "Body"


def test_parents_keep_what_is_seen_or_not(blender):
    blender.run("object.create", kind="empty", name="Car", location=[5, 0, 0], rotation=[0, 0, 90], scale=[2, 1, 1])
    told = blender.run("object.parent", names=["Cube", "Light"], parent="Car")
    assert {one["name"]: one["parent"] for one in told["objects"]} == {"Cube": "Car", "Light": "Car"}
    cube = blender.run("object.get", name="Cube")
    assert cube["world_location"] == pytest.approx([0, 0, 0], abs=1e-5)
    assert cube["bounds"] == [pytest.approx([-1, -1, -1], abs=1e-5), pytest.approx([1, 1, 1], abs=1e-5)]
    blender.run("object.transform", name="Car", location=[6, 0, 0])
    assert blender.run("object.get", name="Cube")["world_location"] == pytest.approx([1, 0, 0], abs=1e-5)
    blender.run("object.parent", name="Cube", clear=True)
    cube = blender.run("object.get", name="Cube")
    assert cube["parent"] is None and cube["location"] == pytest.approx([1, 0, 0], abs=1e-5)
    blender.run("object.transform", name="Cube", location=[1, 0, 0], rotation=[0, 0, 0], scale=[1, 1, 1])
    blender.run("object.parent", name="Cube", parent="Car", keep_transform=False)
    assert blender.run("object.get", name="Cube")["world_location"] == pytest.approx([6, 2, 0], abs=1e-5)


def test_parents_that_cannot_be(blender):
    blender.run("object.parent", name="Light", parent="Cube")
    told = blender.problem("object.parent", {"name": "Cube", "parent": "Light"})
    assert told["code"] == "arguments_invalid" and "'Light'" in told["message"]
    assert blender.problem("object.parent", {"name": "Cube", "parent": "Cube"})["code"] == "arguments_invalid"
    assert blender.problem("object.parent", {"name": "Cube"})["code"] == "arguments_invalid"
    assert blender.problem("object.parent", {"name": "Cube", "parent": "Ligt"})["code"] == "not_found"
    assert blender.problem("object.parent", {"name": "Cube", "parent": "Camera", "bone": "x"})["code"] == (
        "arguments_invalid"
    )
    assert blender.problem("object.parent", {"parent": "Camera"})["code"] == "arguments_invalid"


def test_parents_with_bones(blender):
    blender.eval("bpy.ops.object.armature_add(location=(2, 0, 0))")
    blender.run("object.parent", name="Cube", parent="Armature", bone="Bone")
    assert blender.run("object.get", name="Cube")["world_location"] == pytest.approx([0, 0, 0], abs=1e-5)
    told = blender.problem("object.parent", {"name": "Cube", "parent": "Armature", "bone": "Bon"})
    assert told["code"] == "not_found" and "'Bone'" in told["hint"]


def test_selecting(blender):
    for number in range(3):
        blender.run("object.create", kind="cube", name="Box%d" % number)
    told = blender.run("object.select", pattern="Box*", active="Box1")
    assert told["selected"] == ["Box0", "Box1", "Box2"] and told["active"] == "Box1"
    told = blender.run("object.select", names=["Cube"], mode="add")
    assert told["total"] == 4 and told["active"] == "Box1"
    assert blender.run("object.select", pattern="Box?", type="mesh", mode="remove")["selected"] == ["Cube"]
    assert blender.run("object.select", type="light")["selected"] == ["Light"]
    assert blender.run("object.select", collection="Collection")["total"] == 6
    assert blender.run("object.select")["selected"] == []
    blender.run("object.set", name="Cube", visible_in_viewport=False)
    told = blender.run("object.select", names=["Cube", "Light"])
    assert told["selected"] == ["Light"] and told["not_selectable"] == ["Cube"]
    assert "'Cube'" in blender.problem("object.select", {"names": ["Cubee"]})["hint"]
    assert blender.run("object.select", active="Camera")["selected"] == ["Camera"]


def test_settings_of_objects_are_told_as_changes(blender):
    outcome = blender.call(
        "object.set", {"name": "Cube", "properties": {"part": "body", "sizes": [1, 2.5], "on": True}}
    )
    assert outcome["value"]["objects"][0]["properties"] == {"part": "body", "sizes": [1, 2.5], "on": True}
    assert changed(outcome) == {"Cube"}, "though Blender announces no custom properties"
    told = blender.run("object.set", name="Cube", properties={"part": None})["objects"][0]
    assert "part" not in told["properties"] and "sizes" in told["properties"]
    outcome = blender.call("object.set", {"names": ["Cube", "Light"], "visible": False})
    assert changed(outcome) == {"Cube", "Light"}
    assert not blender.run("object.get", name="Cube")["visible_in_viewport"]
    assert blender.run("object.set", name="Cube", visible=True, visible_in_viewport=False)["objects"][0]["visible"]
    assert blender.eval("bpy.data.objects['Cube'].hide_viewport") is True
    assert blender.problem("object.set", {"name": "Cube", "properties": {"a": [1, "b", None]}})["code"] == (
        "arguments_invalid"
    )
    assert blender.problem("object.set", {"name": "Cube"})["code"] == "arguments_invalid"


def test_settings_by_blenders_names(blender):
    blender.run(
        "object.set",
        name="Cube",
        display="wire",
        settings={"show_in_front": True, "pass_index": 3, "color": [1, 0, 0, 1], "delta_rotation_euler": [0, 0, 90]},
    )
    assert blender.eval("o = bpy.data.objects['Cube']; [o.display_type, o.show_in_front, o.pass_index]") == [
        "WIRE",
        True,
        3,
    ]
    assert blender.eval("bpy.data.objects['Cube'].delta_rotation_euler[2]") == pytest.approx(1.5707964)
    blender.run("object.set", name="Light", data_settings={"energy": 5})
    assert blender.run("light.get", name="Light")["light"]["energy"] == 5


WRONG = {
    "near": ({"show_in_frnt": True}, "not_found", "'show_in_front'"),
    "number": ({"pass_index": "three"}, "arguments_invalid", "number"),
    "whole": ({"pass_index": 1.5}, "arguments_invalid", "whole"),
    "range": ({"pass_index": -1}, "arguments_invalid", "between"),
    "length": ({"color": [1, 0]}, "arguments_invalid", "list of 4"),
    "choice": ({"display_type": "WIER"}, "arguments_invalid", "'WIRE'"),
    "boolean": ({"show_in_front": 1}, "arguments_invalid", "true or false"),
    "readonly": ({"mode": "EDIT"}, "arguments_invalid", ""),
    "pointer": ({"parent": "Ligt"}, "not_found", "'Light'"),
    "other thing": ({"data.name": "x"}, "not_found", ""),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_settings_that_do_not_fit(blender, case):
    wrong, code, said = WRONG[case]
    told = blender.problem("object.set", {"name": "Cube", "settings": {"show_name": True, **wrong}})
    assert told["code"] == code and said in told["message"] + told.get("hint", ""), told
    assert blender.eval("bpy.data.objects['Cube'].show_name") is False, "all or nothing"


def test_shading(blender):
    faces = "[p.use_smooth for p in bpy.data.objects['%s'].data.polygons]"
    blender.run("object.create", kind="cylinder", name="Can")
    blender.run("object.set", name="Can", shading="smooth")
    assert all(blender.eval(faces % "Can"))
    blender.run("object.set", name="Can", shading="auto", angle=40)
    sharp = "sum(e.use_edge_sharp for e in bpy.data.objects['Can'].data.edges)"
    assert all(blender.eval(faces % "Can")) and blender.eval(sharp) == 64, "the two rims"
    blender.run("object.set", name="Can", shading="flat")
    assert not any(blender.eval(faces % "Can"))
    blender.run("object.set", name="Can", shading="smooth")
    assert blender.eval(sharp) == 0
    assert "faces" in blender.problem("object.set", {"name": "Light", "shading": "smooth"})["message"]


def test_the_words_of_a_text(blender):
    blender.run("object.create", kind="text", name="Title", text="old")
    assert blender.run("object.set", name="Title", text="new ✓")["objects"][0]["data"]["text"] == "new ✓"
    assert blender.problem("object.set", {"name": "Cube", "text": "x"})["code"] == "arguments_invalid"


def test_applying_transforms(blender):
    blender.run("object.transform", name="Cube", location=[1, 2, 3], rotation=[0, 0, 90], scale=[2, 1, 1])
    blender.run("object.select", names=["Light"])
    told = blender.run("object.apply", name="Cube", only=["rotation", "scale"])["objects"][0]
    assert told["location"] == [1, 2, 3] and told["rotation"] == [0, 0, 0] and told["scale"] == [1, 1, 1]
    assert told["dimensions"] == pytest.approx([2, 4, 2], abs=1e-4)
    told = blender.run("object.apply", name="Cube")["objects"][0]
    assert told["location"] == [0, 0, 0] and told["bounds"][0] == pytest.approx([0, 0, 2], abs=1e-4)
    assert not told["selected"] and blender.run("object.get", name="Light")["selected"], "the selection stays"
    blender.run("object.duplicate", name="Cube", linked=True)
    told = blender.problem("object.apply", {"name": "Cube"})
    assert told["code"] == "call_failed" and "Cube.001" in told["message"] and "single_user" in told["hint"]
    assert blender.run("object.apply", name="Cube", single_user=True)["objects"][0]["data"]["users"] == 1
    assert blender.problem("object.apply", {"name": "Cube", "only": ["shear"]})["code"] == "arguments_invalid"


def test_applying_to_what_is_hidden(blender):
    blender.run("object.transform", name="Cube", scale=[2, 2, 2])
    blender.run("object.set", name="Cube", visible_in_viewport=False)
    told = blender.run("object.apply", name="Cube")["objects"][0]
    assert told["scale"] == [1, 1, 1] and not told["visible_in_viewport"]


@pytest.mark.parametrize(
    "to, place",
    [
        ("bottom", [1, 0, -1]),
        ("center", [1, 0, 0]),
        ("world", [0, 0, 0]),
        ("geometry", [1, 0, 0]),
        ([5, 5, 5], [5, 5, 5]),
        ("Light", None),
    ],
    ids=str,
)
def test_origins_move_and_nothing_else(blender, to, place):
    blender.run("object.transform", name="Cube", location=[1, 0, 0], rotation=[0, 0, 90])
    blender.run("object.create", kind="empty", name="Below", location=[3, 3, 3])
    blender.run("object.parent", name="Below", parent="Cube")
    cursor = blender.eval("list(bpy.context.scene.cursor.location)")
    before = blender.run("object.get", name="Cube")["bounds"]
    told = blender.run("object.set_origin", name="Cube", to=to)
    place = blender.run("object.get", name="Light")["world_location"] if place is None else place
    assert told["world_location"] == pytest.approx(place, abs=1e-4)
    assert told["bounds"] == [pytest.approx(corner, abs=1e-4) for corner in before]
    assert blender.run("object.get", name="Below")["world_location"] == pytest.approx([3, 3, 3], abs=1e-4)
    assert blender.eval("list(bpy.context.scene.cursor.location)") == cursor


def test_origins_of_what_has_none(blender):
    assert "object.transform" in blender.problem("object.set_origin", {"name": "Light"})["hint"]
    assert blender.problem("object.set_origin", {"name": "Cube", "to": "botom"})["code"] == "not_found"


def test_joining(blender):
    blender.run("object.create", kind="cube", name="A", location=[5, 0, 0])
    blender.run("object.create", kind="sphere", name="B")
    outcome = blender.call("object.join", {"names": ["Cube", "A", "B"]})
    told = outcome["value"]
    assert told["name"] == "Cube" and sorted(told["joined"]) == ["A", "B"] and told["bounds"][1][0] == 6
    assert {"type": "object", "name": "A"} in outcome["changes"]["removed"]
    assert "Cube" in changed(outcome)
    told = blender.problem("object.join", {"names": ["Cube", "Light"]})
    assert told["code"] == "arguments_invalid" and "light" in told["message"]
    assert blender.problem("object.join", {"names": ["Cube"]})["code"] == "arguments_invalid"
    blender.run("object.create", kind="plane", name="C")
    assert blender.run("object.join", names=["Cube"], into="C")["name"] == "C"
    blender.run("object.create", kind="cube", name="D")
    told = blender.run("object.join", names=["C", "D"], into="C")
    assert (told["name"], told["joined"]) == ("C", ["D"]), "also where `names` has it"


def test_converting(blender):
    blender.run("object.create", kind="text", name="Words", text="abc")
    assert blender.run("object.convert", name="Words")["type"] == "MESH"
    blender.run("modifier.add", object="Cube", kind="subsurf", settings={"levels": 2})
    told = blender.run("object.convert", name="Cube")
    assert told["modifiers"] == [] and told["data"]["faces"] == 96
    blender.run("object.create", kind="circle", name="Ring")
    assert blender.run("object.convert", name="Ring", to="curve")["type"] == "CURVE"
    assert blender.problem("object.convert", {"name": "Camera"})["code"] == "arguments_invalid"


def test_objects_outside_of_the_view_layer(blender):
    blender.run("scene.new", name="Two")
    told = blender.problem("object.apply", {"name": "Cube"})
    assert told["code"] == "call_failed" and "scene.set" in told["hint"]


def test_what_is_hidden_with_its_collection_is_told(blender):
    blender.run("collection.set", name="Collection", visible_in_viewport=False)
    blender.run("object.transform", name="Cube", scale=[2, 2, 2])
    told = blender.problem("object.apply", {"name": "Cube"})
    assert told["code"] == "call_failed" and "collection.set" in told["hint"]
    blender.run("collection.set", name="Collection", visible_in_viewport=True)
    assert blender.run("object.apply", name="Cube")["objects"][0]["scale"] == [1, 1, 1]


def test_an_empty_with_a_material_is_not_made(blender):
    assert blender.problem("object.create", {"kind": "empty", "material": "Material"})["code"] == "arguments_invalid"
    assert blender.run("object.list")["total"] == 3
