# SPDX-License-Identifier: MIT OR Apache-2.0
"""Collections: what is in them, where they are, and what is seen of them. And what is left of scenes."""


def told_of(blender, name):
    return next(one for one in blender.run("collection.list")["collections"] if one["name"] == name)


def test_the_default_file(blender):
    told = blender.run("collection.list")
    assert [one["name"] for one in told["collections"]] == ["Scene Collection", "Collection"]
    assert told["root"] == "Scene Collection" and told["active"] == "Collection"
    one = told["collections"][1]
    assert sorted(one["objects"]) == ["Camera", "Cube", "Light"] and one["object_count"] == 3
    assert one["parents"] == ["Scene Collection"] and one["visible"] and one["excluded"] is False


def test_making_nesting_and_filling(blender):
    outcome = blender.call("collection.create", {"name": "Set", "objects": ["Cube"]})
    assert outcome["value"]["objects"] == ["Cube"] and outcome["value"]["parents"] == ["Scene Collection"]
    assert {"type": "collection", "name": "Set"} in outcome["changes"]["added"]
    assert "Cube" not in told_of(blender, "Collection")["objects"]
    blender.run("collection.create", name="Small", parent="Set", active=True)
    assert blender.run("collection.list")["active"] == "Small"
    assert blender.run("object.create", kind="cube", name="New")["collections"] == ["Small"]
    assert told_of(blender, "Set")["children"] == ["Small"]
    assert blender.problem("collection.create", {"name": "Set"})["code"] == "name_taken"
    assert "'Set'" in blender.problem("collection.create", {"name": "X", "parent": "Sat"})["hint"]
    assert blender.problem("collection.create", {"name": "X", "objects": ["Cub"]})["code"] == "not_found"
    assert [one["name"] for one in blender.run("collection.list")["collections"]].count("X") == 0


def test_moving_linking_and_unlinking(blender):
    blender.run("collection.create", name="A")
    told = blender.run("collection.move", objects=["Cube", "Light"], collection="A")
    assert sorted(told["objects"]) == ["Cube", "Light"]
    assert blender.run("object.get", name="Cube")["collections"] == ["A"]
    outcome = blender.call("collection.link", {"objects": ["Cube"], "collection": "Collection"})
    assert {"type": "collection", "name": "Collection"} in outcome["changes"]["changed"]
    assert sorted(blender.run("object.get", name="Cube")["collections"]) == ["A", "Collection"]
    blender.run("collection.unlink", objects=["Cube"], collection="A")
    assert blender.run("object.get", name="Cube")["collections"] == ["Collection"]
    told = blender.problem("collection.unlink", {"objects": ["Cube"], "collection": "Collection"})
    assert told["code"] == "call_failed" and "collection.move" in told["hint"]
    told = blender.problem("collection.unlink", {"objects": ["Cube"], "collection": "A"})
    assert told["code"] == "not_found" and "'Light'" in told["hint"]
    blender.run("collection.move", objects=["Cube"], collection="Scene Collection")
    assert blender.run("object.get", name="Cube")["collections"] == ["Scene Collection"]
    assert blender.problem("collection.move", {"objects": ["Cube"], "collection": "B"})["code"] == "not_found"


def test_visibility_colour_and_place(blender):
    blender.run("collection.create", name="A")
    outcome = blender.call("collection.set", {"name": "Collection", "visible": False, "color": "green"})
    told = outcome["value"]
    assert not told["visible"] and not told["visible_in_viewport"] and told["color"] == "green"
    assert {"type": "collection", "name": "Collection"} in outcome["changes"]["changed"]
    told = blender.run("collection.set", name="Collection", visible=True, color="none", excluded=True, selectable=False)
    assert told["visible"] and told["excluded"] and told["color"] == "none" and not told["selectable"]
    assert blender.eval("len(bpy.context.view_layer.objects)") == 0
    told = blender.run("collection.set", name="Collection", excluded=False, parent="A")
    assert told["parents"] == ["A"] and blender.eval("len(bpy.context.view_layer.objects)") == 3
    assert blender.problem("collection.set", {"name": "A", "parent": "Collection"})["code"] == "arguments_invalid"
    assert blender.problem("collection.set", {"name": "A", "parent": "A"})["code"] == "arguments_invalid"
    told = blender.run("collection.set", name="Collection", parent="Scene Collection")
    assert told["parents"] == ["Scene Collection"]


def test_renaming(blender):
    blender.run("collection.create", name="A")
    assert blender.run("collection.rename", name="A", to="B")["name"] == "B"
    assert blender.problem("collection.rename", {"name": "B", "to": "Collection"})["code"] == "name_taken"
    assert "'B'" in blender.problem("collection.rename", {"name": "b", "to": "C"})["hint"]


def test_deleting_keeps_what_is_inside_unless_asked(blender):
    blender.run("collection.create", name="Inner", parent="Collection", objects=["Light"])
    outcome = blender.call("collection.delete", {"name": "Collection"})
    assert outcome["value"]["objects_deleted"] == []
    assert {"type": "collection", "name": "Collection"} in outcome["changes"]["removed"]
    assert blender.run("object.get", name="Cube")["collections"] == ["Scene Collection"]
    assert told_of(blender, "Inner")["parents"] == ["Scene Collection"]
    blender.run("collection.create", name="Deep", parent="Inner", objects=["Cube"])
    outcome = blender.call("collection.delete", {"name": "Inner", "contents": True})
    assert sorted(outcome["value"]["objects_deleted"]) == ["Cube", "Light"]
    assert [one["name"] for one in blender.run("collection.list")["collections"]] == ["Scene Collection"]
    assert blender.run("object.list")["total"] == 1
    assert blender.problem("collection.delete", {"name": "Inner"})["code"] == "not_found"


def test_collections_of_another_scene(blender):
    blender.run("scene.new", name="Two")
    told = blender.run("collection.list", scene="Scene")
    assert told["collections"][1]["name"] == "Collection" and told["collections"][1]["excluded"] is None
    told = blender.problem("collection.set", {"name": "Collection", "excluded": True})
    assert told["code"] == "not_found" and "scene" in told["hint"]


def test_settings_of_scenes_are_told_as_changes(blender):
    outcome = blender.call("scene.set", {"engine": "cycles", "samples": 77})
    assert {"type": "scene", "name": "Scene"} in outcome["changes"]["changed"]
    outcome = blender.call("scene.set", {"samples": 78})
    assert outcome["changes"]["changed"] == [{"type": "scene", "name": "Scene"}], "though Blender announces none"
    outcome = blender.call("scene.set", {"transparent": True, "exposure": 1.5, "units": "imperial", "unit_scale": 0.5})
    told = outcome["value"]
    assert told["transparent"] and told["exposure"] == 1.5 and told["units"] == "imperial" and told["unit_scale"] == 0.5
    assert {"type": "scene", "name": "Scene"} in outcome["changes"]["changed"]
    assert blender.run("scene.set", view_transform="Standard")["view_transform"] == "Standard"
    told = blender.problem("scene.set", {"view_transform": "Standart"})
    assert told["code"] == "not_supported" and "'Standard'" in told["hint"]


def test_deleting_scenes(blender):
    told = blender.problem("scene.delete", {"name": "Scene"})
    assert told["code"] == "call_failed" and "file.new" in told["hint"]
    blender.run("scene.new", name="Two")
    blender.run("object.create", kind="cube", name="OnlyHere")
    assert blender.run("scene.delete", name="Two", objects=True) == {
        "deleted": "Two",
        "objects_deleted": ["OnlyHere"],
        "active": "Scene",
    }
    assert blender.problem("scene.delete", {"name": "Two"})["code"] == "not_found"
