# SPDX-License-Identifier: MIT OR Apache-2.0
"""The state and what changed since a revision, on request and as the bridge pushes it."""

from instance import Instance


def send(blender, command, args=None, **more):
    """The id of a call that went well."""
    call_id = blender.send(command, args, **more)
    blender.value(blender.outcome(call_id))
    return call_id


def test_the_state_is_a_summary(blender):
    told = blender.run("state.get")
    assert told["scene"] == "Scene" and told["objects"] == {"camera": 1, "light": 1, "mesh": 1}
    assert told["file"] is None and told["object_count"] == 3 and told["camera"] == "Camera"


def test_what_changed_since_a_revision(blender):
    first = blender.run("state.get")["revision"]
    assert blender.run("state.changes", since=first) == {
        "since": first, "revision": first, "added": [], "changed": [], "removed": [], "by": None, "all": [], "complete": True,
    }  # fmt: skip
    one = send(blender, "object.create", {"kind": "empty", "name": "A"}, owner="anna")
    two = send(blender, "code.run", {"code": "bpy.data.objects['Cube'].location.x = 4"})
    told = blender.run("state.changes", since=first)
    assert {"type": "object", "name": "A"} in told["added"] and {"type": "object", "name": "Cube"} in told["changed"]
    assert told["by"] == two and told["all"] == [two, one] and told["complete"]
    assert told["revision"] == blender.run("state.get")["revision"] > first
    later = blender.run("state.changes", since=told["revision"] - 1)
    assert later["all"] == [two] and not later["added"]


def test_what_came_and_went_is_not_told(blender):
    since = blender.run("state.get")["revision"]
    send(blender, "object.create", {"kind": "empty", "name": "A"})
    send(blender, "code.run", {"code": "bpy.data.objects['A'].name = 'B'"})
    told = blender.run("state.changes", since=since)
    assert {"type": "object", "name": "B"} in told["added"] and "A" not in [one["name"] for one in told["added"]]
    send(blender, "object.delete", {"names": ["B"]})
    told = blender.run("state.changes", since=since)
    assert not [one for kind in ("added", "removed", "changed") for one in told[kind] if one["name"] in ("A", "B")], (
        told
    )


def test_a_rename_keeps_the_first_name(blender):
    since = blender.run("state.get")["revision"]
    send(blender, "code.run", {"code": "bpy.data.objects['Cube'].name = 'Dice'"})
    send(blender, "code.run", {"code": "bpy.data.objects['Dice'].name = 'Die'"})
    told = blender.run("state.changes", since=since)
    assert {"type": "object", "name": "Die", "was": "Cube"} in told["changed"]
    assert "Dice" not in [one["name"] for one in told["changed"]]


def test_an_undo_is_a_change(blender):
    send(blender, "object.create", {"kind": "empty", "name": "A"})
    since = blender.run("state.get")["revision"]
    undone = send(blender, "history.undo")
    told = blender.run("state.changes", since=since)
    assert {"type": "object", "name": "A"} in told["removed"] and told["by"] == undone


def test_looking_is_no_revision(blender):
    since = blender.run("state.get")["revision"]
    blender.run("object.list")
    blender.eval("[o.name for o in bpy.data.objects]")
    assert blender.run("state.changes", since=since)["revision"] == since


def test_opening_a_file_is_told(blender):
    since = blender.run("state.get")["revision"]
    blender.run("file.new")
    told = blender.run("state.changes", since=since)
    assert "file" in [one["type"] for one in told["changed"]]


def test_only_so_many_revisions_are_kept(blender):
    since = blender.run("state.get")["revision"]
    blender.eval(
        "import kapelle_blender.revisions as r, kapelle_blender.host as h\n"
        "for n in range(r.KEPT_MAX + 5): h.current()._revisions.add('many', {'added': [{'type': 'object', 'name': str(n)}]})\n"
    )
    told = blender.run("state.changes", since=since)
    assert not told["complete"] and len(told["added"]) == 501 and "more" in told["added"][-1]["name"]
    assert blender.run("state.changes", since=told["revision"])["complete"]
    assert not blender.run("state.changes", since=told["revision"] + 100)["complete"], "of another run"


def test_a_command_may_say_what_blender_does_not(blender):
    code = (
        "import kapelle_blender.host as h; bpy.data.objects['Cube']['tag'] = 1; h.current().changed('object', 'Cube')"
    )
    outcome = blender.code(code)
    assert outcome["changes"]["changed"] == [{"type": "object", "name": "Cube"}]
    outcome = blender.code(code + "; bpy.data.objects['Cube'].location.x += 1")
    assert outcome["changes"]["changed"] == [{"type": "object", "name": "Cube"}], "once"


def test_the_bridge_pushes_what_changed(program, package):
    with Instance(program, package) as blender:
        made = send(blender, "object.create", {"kind": "empty", "name": "Pushed"})
        for message in blender.hub.wait_all(1, "state", 30):
            assert "revision" in message["state"]

        def told():
            with blender.hub.changed:
                return [
                    m
                    for m in blender.hub.messages
                    if m["t"] == "state" and made in (m.get("changes") or {}).get("all", ())
                ]

        with blender.hub.changed:
            blender.hub.changed.wait_for(lambda: bool(told()), 30)
        message = told()[0]
        assert {"type": "object", "name": "Pushed"} in message["changes"]["added"]
        assert message["changes"]["by"] == made and message["changes"]["since"] < message["state"]["revision"]
        assert message["changes"]["revision"] == message["state"]["revision"]


def test_parts_of_the_state_can_be_set_in_the_form_in_which_it_is_told(blender):
    blender.run("object.create", kind="empty", name="A")
    wanted = {"frame": 7, "range": [5, 50], "selected": ["A", "Cube"], "active": "Cube"}
    told = blender.run("state.update", state=wanted)
    assert {name: told[name] for name in wanted} == dict(wanted, selected=told["selected"])
    assert sorted(told["selected"]) == ["A", "Cube"]
    assert blender.run("state.update", state={"selected": []})["selected"] == []
    assert blender.run("state.update", state={"active": "A"})["active"] == "A"
    for wrong, words in (
        ({"file": "x"}, "scene, frame, range"),
        ({"frame": "7"}, "whole number"),
        ({"camera": "Cube"}, "camera"),
        ({"scene": "nowhere"}, "Scene"),
    ):
        problem = blender.outcome(blender.send("state.update", {"state": wrong}))["problem"]
        assert words in problem["message"] + (problem.get("hint") or ""), problem
