# SPDX-License-Identifier: MIT OR Apache-2.0
"""Modifiers of every kind, with settings checked by Blender's own description of them."""

import pytest

# A group with inputs of several kinds, made with what this Blender has for it.
GROUP = """
g = bpy.data.node_groups.new("Grow", "GeometryNodeTree")
if hasattr(g, "interface"):
    new = lambda kind, name, out=False: g.interface.new_socket(
        name, in_out="OUTPUT" if out else "INPUT", socket_type="NodeSocket" + kind)
else:
    new = lambda kind, name, out=False: (g.outputs if out else g.inputs).new("NodeSocket" + kind, name)
new("Geometry", "Geometry"); new("Geometry", "Geometry", True)
new("Float", "Width"); new("Bool", "Open"); new("Object", "Target"); new("Int", "Count"); new("Vector", "Shift")
a, b = g.nodes.new("NodeGroupInput"), g.nodes.new("NodeGroupOutput")
move = g.nodes.new("GeometryNodeTransform")
g.links.new(a.outputs[0], move.inputs[0])
g.links.new(a.outputs["Shift"], move.inputs["Translation"])
g.links.new(move.outputs[0], b.inputs[0])
"""


def test_adding_with_settings(blender):
    outcome = blender.call("modifier.add", {"object": "Cube", "kind": "array", "name": "Row", "settings": {"count": 5}})
    told = outcome["value"]
    assert told["name"] == "Row" and told["kind"] == "array" and told["settings"]["count"] == 5
    assert told["dimensions"][0] == pytest.approx(10), "five cubes of 2 m"
    assert {"type": "object", "name": "Cube"} in outcome["changes"]["changed"]
    told = blender.run("modifier.add", object="Cube", kind="Subdivision Surface", position=0)
    assert told["kind"] == "subsurf" and told["position"] == 0
    listed = blender.run("modifier.list", object="Cube")["modifiers"]
    assert [one["kind"] for one in listed] == ["subsurf", "array"]
    assert listed[1]["settings"]["count"] == 5 and "fit_type" not in listed[1]["settings"]
    listed = blender.run("modifier.list", object="Cube", everything=True)["modifiers"]
    assert listed[1]["settings"]["fit_type"] == "FIXED_COUNT"


def test_angles_are_degrees_and_things_are_named(blender):
    blender.run("object.create", kind="cube", name="Hole", size=1, location=[0, 0, 1])
    told = blender.run("modifier.add", object="Cube", kind="bevel", settings={"angle_limit": 45, "width": 0.1})
    assert told["settings"]["angle_limit"] == pytest.approx(45)
    assert blender.eval("bpy.data.objects['Cube'].modifiers['Bevel'].angle_limit") == pytest.approx(0.785398)
    told = blender.run(
        "modifier.add", object="Cube", kind="boolean", settings={"object": "Hole", "operation": "difference"}
    )
    assert told["settings"]["object"] == "Hole"
    assert blender.eval("bpy.data.objects['Cube'].modifiers['Boolean'].operation") == "DIFFERENCE"
    blender.run("modifier.set", object="Cube", name="Boolean", settings={"object": None})
    assert blender.eval("bpy.data.objects['Cube'].modifiers['Boolean'].object is None")
    blender.run("modifier.add", object="Cube", kind="mirror", settings={"use_axis": [False, True, False]})
    assert blender.eval("list(bpy.data.objects['Cube'].modifiers['Mirror'].use_axis)") == [False, True, False]


WRONG = {
    "kind": ({"kind": "bevle"}, "not_found", "'bevel'"),
    "name": ({"settings": {"widht": 1}}, "not_found", "'width'"),
    "type": ({"settings": {"width": "much"}}, "arguments_invalid", "number"),
    "choice": ({"settings": {"limit_method": "ANGEL"}}, "arguments_invalid", "'ANGLE'"),
    "range": ({"settings": {"segments": 5000}}, "arguments_invalid", "between 1 and"),
    "degrees": ({"settings": {"angle_limit": 400}}, "arguments_invalid", "degrees"),
    "pointer": ({"kind": "boolean", "settings": {"object": "Cub"}}, "not_found", "'Cube'"),
    "itself": ({"kind": "boolean", "settings": {"object": "Cube"}}, "arguments_invalid", "itself"),
    "poll": ({"kind": "boolean", "settings": {"object": "Light"}}, "arguments_invalid", "wrong kind"),
    "position": ({"position": 9}, "arguments_invalid", "from 0"),
    "suited": ({"object": "Light"}, "arguments_invalid", "light"),
    "empty": ({"object": "Camera", "kind": "nodes"}, "arguments_invalid", "camera"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_does_not_fit_adds_nothing(blender, case):
    args, code, said = WRONG[case]
    told = blender.problem("modifier.add", {"object": "Cube", "kind": "bevel", **args})
    assert told["code"] == code and said in told["message"] + told.get("hint", ""), told
    assert blender.run("modifier.list", object="Cube")["modifiers"] == []


def test_setting_is_all_or_nothing(blender):
    blender.run("modifier.add", object="Cube", kind="bevel", settings={"width": 0.1})
    told = blender.problem("modifier.set", {"object": "Cube", "name": "Bevel", "settings": {"width": 1, "segmnts": 2}})
    assert "'segments'" in told["hint"]
    assert blender.run("modifier.list", object="Cube", everything=True)["modifiers"][0]["settings"]["width"] == 0.1
    told = blender.run("modifier.set", object="Cube", name="Bevel", rename="Edge", visible=False)
    assert told["name"] == "Edge" and not told["visible"] and not told["visible_in_viewport"]
    assert "'Edge'" in blender.problem("modifier.set", {"object": "Cube", "name": "Egde"})["hint"]


def test_every_kind_that_a_mesh_takes_is_described(blender):
    """A kind's type is found by its name; Blender itself tells whether that is the right one."""
    kinds = blender.run("modifier.kinds")["kinds"]
    assert len(kinds) > 50
    types = blender.eval(
        """
o = bpy.data.objects["Cube"]
found = {}
for one in bpy.types.Modifier.bl_rna.properties["type"].enum_items:
    made = o.modifiers.new("x", one.identifier)
    if made is not None:
        found[one.identifier.lower()] = sorted(p.identifier for p in made.bl_rna.properties)
        o.modifiers.remove(made)
found
"""
    )
    assert len(types) > 40
    for one in kinds:
        told = blender.run("modifier.kinds", kind=one["kind"])
        assert told["label"] == one["label"]
        if one["kind"] in types:
            assert {each["name"] for each in told["settings"]} <= set(types[one["kind"]]), one
    told = {one["name"]: one for one in blender.run("modifier.kinds", kind="Bevel")["settings"]}
    assert told["angle_limit"]["unit"] == "degrees" and told["angle_limit"]["max"] == pytest.approx(180)
    assert told["limit_method"]["choices"][0] == "NONE" and told["segments"]["min"] == 1 and told["width"]["doc"]
    assert "name" not in told and "show_expanded" not in told


def test_every_kind_can_be_added_and_listed(blender):
    for one in blender.run("modifier.kinds")["kinds"]:
        outcome = blender.call("modifier.add", {"object": "Cube", "kind": one["kind"]})
        if outcome["status"] == "failed":
            assert outcome["problem"]["code"] == "arguments_invalid", (one, outcome["problem"])
            continue
        listed = blender.run("modifier.list", object="Cube", everything=True)["modifiers"]
        assert listed[-1]["kind"] == one["kind"]
        blender.run("modifier.remove", object="Cube")


def test_applying(blender):
    blender.run("modifier.add", object="Cube", kind="subsurf", name="Round", settings={"levels": 1})
    blender.run("modifier.add", object="Cube", kind="array", settings={"count": 2})
    outcome = blender.call("modifier.apply", {"object": "Cube", "name": "Round"})
    assert outcome["value"]["applied"] == ["Round"] and outcome["value"]["data"]["faces"] == 24
    assert {"type": "mesh", "name": "Cube"} in outcome["changes"]["changed"]
    blender.run("object.duplicate", name="Cube", linked=True)
    assert "single_user" in blender.problem("modifier.apply", {"object": "Cube"})["hint"]
    told = blender.run("modifier.apply", object="Cube", single_user=True)
    assert told["data"]["faces"] == 48 and told["modifiers"] == [] and told["data"]["users"] == 1
    assert "no modifiers" in blender.problem("modifier.apply", {"object": "Cube"})["message"]


def test_applying_to_what_is_hidden_or_edited(blender):
    blender.run("modifier.add", object="Cube", kind="array", settings={"count": 2})
    blender.eval("bpy.ops.object.mode_set(mode='EDIT')")
    blender.run("object.set", name="Cube", visible=False)
    assert blender.run("modifier.apply", object="Cube")["data"]["faces"] == 12
    assert blender.eval("bpy.data.objects['Cube'].hide_viewport")


def test_a_modifier_that_cannot_be_applied_says_why(blender):
    blender.run("modifier.add", object="Cube", kind="boolean")
    told = blender.problem("modifier.apply", {"object": "Cube"})
    assert told["code"] == "call_failed" and "Blender refused" in told["message"]
    assert blender.run("modifier.list", object="Cube")["modifiers"] != []


def test_removing(blender):
    for kind in ("bevel", "array", "mirror"):
        blender.run("modifier.add", object="Cube", kind=kind)
    told = blender.run("modifier.remove", object="Cube", name="Array")
    assert told["removed"] == ["Array"] and told["left"] == ["Bevel", "Mirror"]
    assert "'Mirror'" in blender.problem("modifier.remove", {"object": "Cube", "name": "Miror"})["hint"]
    assert blender.run("modifier.remove", object="Cube")["left"] == []


def test_inputs_of_geometry_nodes_have_their_groups_names(blender):
    blender.eval(GROUP)
    told = blender.run(
        "modifier.add",
        object="Cube",
        kind="geometry_nodes",
        settings={"node_group": "Grow", "Width": 2, "Open": True, "Target": "Light", "Count": 4, "Shift": [0, 0, 3]},
    )
    assert told["kind"] == "nodes" and told["inputs"] == {
        "Width": 2.0,
        "Open": True,
        "Target": "Light",
        "Count": 4,
        "Shift": [0, 0, 3],
    }
    name = told["name"]
    top = "max((e := bpy.data.objects['Cube'].evaluated_get(bpy.context.evaluated_depsgraph_get())).bound_box[i][2] for i in range(8))"
    assert blender.eval(top) == pytest.approx(4), "it works on the mesh"
    blender.run("modifier.set", object="Cube", name=name, settings={"Shift": [0, 0, 1]})
    assert blender.eval(top) == pytest.approx(2), "and again when it is changed"
    told = blender.problem("modifier.set", {"object": "Cube", "name": name, "settings": {"Widht": 1}})
    assert told["code"] == "not_found" and "'Width'" in told["hint"]
    for wrong in ({"Width": "wide"}, {"Open": "yes"}, {"Count": "4"}):
        told = blender.problem("modifier.set", {"object": "Cube", "name": name, "settings": wrong})
        assert told["code"] == "arguments_invalid", told
    told = blender.problem("modifier.set", {"object": "Cube", "name": name, "settings": {"Target": "Ligt"}})
    assert told["code"] == "not_found"


def test_paths_in_settings_stay_inside_the_allowed_folders(blender):
    args = {"object": "Cube", "kind": "mesh_cache", "settings": {"filepath": "/etc/passwd"}}
    assert blender.problem("modifier.add", args, scopes=("read", "write"))["code"] == "path_refused"
    assert blender.run("modifier.list", object="Cube")["modifiers"] == []
