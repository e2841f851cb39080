# SPDX-License-Identifier: MIT OR Apache-2.0
"""Undo, redo, and reverting one call, through Blender's own undo history."""

import pytest
from instance import Instance, wait_until

FEW = "bpy.context.preferences.edit.undo_steps = %d"


def create(blender, name, **more):
    """The id of a call that adds an empty."""
    call_id = blender.send("object.create", {"kind": "empty", "name": name}, **more)
    blender.value(blender.outcome(call_id))
    return call_id


def names(blender):
    return set(blender.eval("[o.name for o in bpy.data.objects]"))


def push(blender, label):
    """A step as an artist's action makes one."""
    blender.eval("bpy.ops.ed.undo_push(message=%r)" % label, args={"undo": "never"})


def calls(blender, **args):
    return blender.run("history.list", **args)["calls"]


def test_the_list_tells_calls_that_changed_something(blender):
    one = create(blender, "One", owner="anna")
    blender.eval("1+1")
    failed = blender.send("code.run", {"code": "bpy.data.objects['One'].location.x = 4\n1/0"}, owner="ben")
    assert blender.outcome(failed)["status"] == "failed"
    told = calls(blender, limit=2)
    assert [(c["call"], c["command"], c["owner"], c["status"]) for c in told] == [
        (failed, "code.run", "ben", "failed"),
        (one, "object.create", "anna", "succeeded"),
    ]
    assert [c["can_revert"] for c in told] == [True, False] and not any(c["undone"] for c in told)
    assert (
        told[1]["label"].startswith("Kapelle: object.create One (anna)") and told[0]["ended_at"] > told[1]["ended_at"]
    )
    assert len(calls(blender, limit=1)) == 1


def test_calls_of_a_group_are_one_step(blender):
    def of_group(name, **group):
        return create(blender, name, group=dict({"id": "batch_1", "last": False, "stop": True}, **group))

    before = create(blender, "Before")
    ids = [of_group("G1"), of_group("G2"), of_group("G3", last=True)]
    told = calls(blender, limit=4)
    assert [one["call"] for one in told] == [*ids[::-1], before]
    assert len({one["label"] for one in told[:3]}) == 1 and " and more" in told[0]["label"]
    assert [one["can_revert"] for one in told] == [True, True, True, False]
    undone = blender.run("history.undo")["undone"]
    assert [one["call"] for one in undone] == ids[::-1]
    assert {"G1", "G2", "G3"}.isdisjoint(names(blender)) and "Before" in names(blender)
    blender.run("history.redo")
    assert {"G1", "G2", "G3"} <= names(blender)
    # One of them that fails, where the others are not run then, ends the group; so does whatever comes between.
    first = of_group("H1", id="batch_2")
    failed = blender.send("code.run", {"code": "1/0"}, group={"id": "batch_2", "last": False, "stop": True})
    assert blender.outcome(failed)["status"] == "failed"
    assert [one["call"] for one in blender.run("history.undo")["undone"]] == [first]
    first = of_group("I1", id="batch_3")
    between = create(blender, "Between")
    last = of_group("I2", id="batch_3", last=True)
    assert [blender.run("history.undo")["undone"][0]["call"] for _ in range(3)] == [last, between, first]


def test_a_call_for_another_revision_does_not_run(blender):
    revision = blender.run("state.get")["revision"]
    blender.value(blender.call("object.create", {"kind": "empty", "name": "R1"}, revision=revision))
    problem = blender.problem("object.create", {"kind": "empty", "name": "R2"}, revision=revision)
    assert problem["code"] == "revision_changed" and problem["details"]["revision"] > revision
    assert "R2" not in names(blender)


def test_undo_and_redo_of_one_step_and_of_several(blender):
    ids = [create(blender, name) for name in ("A", "B", "C")]
    outcome = blender.run_outcome("history.undo")
    assert [one["call"] for one in outcome["value"]["undone"]] == [ids[2]]
    assert {"type": "object", "name": "C"} in outcome["changes"]["removed"]
    assert not outcome["changes"]["added"] and "C" not in names(blender)
    assert [one["call"] for one in blender.run("history.undo", steps=2)["undone"]] == [ids[1], ids[0]]
    assert not {"A", "B", "C"} & names(blender)
    assert [c["undone"] for c in calls(blender, limit=3)] == [True, True, True]
    outcome = blender.run_outcome("history.redo", steps=2)
    assert [one["call"] for one in outcome["value"]["redone"]] == ids[:2]
    assert {"type": "object", "name": "A"} in outcome["changes"]["added"]
    assert [c["undone"] for c in calls(blender, limit=3)] == [True, False, False]
    assert {"A", "B"} <= names(blender)


def test_an_undo_tells_what_it_changed_and_no_more(blender):
    blender.run("object.create", kind="cube", name="Moved")
    blender.run("object.transform", name="Moved", location=[1, 2, 3])
    outcome = blender.run_outcome("history.undo")
    assert outcome["changes"] == {"added": [], "changed": [{"type": "object", "name": "Moved"}], "removed": []}
    assert blender.run("object.get", name="Moved")["location"] == [0, 0, 0]


def test_an_undo_is_no_step_of_its_own(blender):
    create(blender, "A")
    create(blender, "B")
    blender.run("history.undo")
    blender.run("history.undo")
    assert not {"A", "B"} & names(blender)
    blender.run("history.redo", steps=2)
    assert {"A", "B"} <= names(blender)


def test_nothing_to_undo_and_nothing_to_redo(blender):
    problem = blender.problem("history.redo")
    assert problem["code"] == "call_failed" and "nothing to redo" in problem["message"]
    problem = blender.problem("history.undo")
    assert "nothing to undo" in problem["message"], problem
    create(blender, "A")
    problem = blender.problem("history.undo", {"steps": 5})
    assert "Only 1 step " in problem["message"] and "A" in names(blender), "all or nothing"
    blender.run("history.undo")
    create(blender, "B")
    assert "nothing to redo" in blender.problem("history.redo")["message"], "something else was done since"


def test_a_call_is_reverted_when_nothing_came_after_it(blender):
    create(blender, "A")
    last = create(blender, "B")
    told = blender.run("history.revert", id=last)
    assert told["reverted"] == last and [one["call"] for one in told["undone"]] == [last]
    assert "B" not in names(blender) and "A" in names(blender)
    problem = blender.problem("history.revert", {"id": last})
    assert "already been undone" in problem["message"] and "redo" in problem["hint"]


def test_what_came_after_is_listed_and_taken_only_on_demand(blender):
    first = create(blender, "A")
    push(blender, "Artist's sculpting")
    last = create(blender, "B", owner="ben")
    problem = blender.problem("history.revert", {"id": first})
    assert "2 came after it" in problem["message"] and "Artist's sculpting" in problem["message"]
    assert "through=true" in problem["hint"]
    after = problem["details"]["after"]
    assert [one["by"] for one in after] == ["artist", "call"] and after[1]["call"] == last
    assert {"A", "B"} <= names(blender), "nothing was touched"
    told = blender.run("history.revert", id=first, through=True)
    assert [one["by"] for one in told["undone"]] == ["call", "artist", "call"]
    assert not {"A", "B"} & names(blender)


def test_undo_stops_before_what_the_artist_did(blender):
    create(blender, "A")
    push(blender, "Move")
    problem = blender.problem("history.undo")
    assert "1 of the artist's own steps: the artist's 'Move'" in problem["message"] and "through=true" in problem["hint"]
    assert blender.run("history.list")["artist_steps"][0] == "Move"
    told = blender.run("history.undo", through=True)
    assert told["undone"] == [{"by": "artist", "label": "Move"}]
    assert "artist" in blender.problem("history.redo")["message"]
    assert blender.run("history.redo", through=True)["redone"] == [{"by": "artist", "label": "Move"}]


def test_without_destructive_a_caller_takes_back_its_own_only(blender):
    scopes = ("read", "write")
    other = create(blender, "A", owner="anna")
    problem = blender.problem("history.undo", owner="ben", scopes=scopes)
    assert problem["code"] == "forbidden" and other in problem["message"]
    assert blender.problem("history.revert", {"id": other}, owner="ben", scopes=scopes)["code"] == "forbidden"
    mine = create(blender, "B", owner="ben")
    assert blender.problem("history.undo", {"steps": 2}, owner="ben", scopes=scopes)["code"] == "forbidden"
    assert blender.value(blender.call("history.revert", {"id": mine}, owner="ben", scopes=scopes))["reverted"] == mine
    assert {"A"} <= names(blender)
    blender.value(blender.call("history.undo", owner="ben"))
    assert "A" not in names(blender)


def test_last_is_the_latest_that_stands(blender):
    first = create(blender, "A", owner="anna")
    second = create(blender, "B", owner="ben")
    assert blender.run("history.revert", id="last")["reverted"] == second
    assert blender.run("history.revert", id="last")["reverted"] == first
    assert blender.problem("history.revert", {"id": "last"})["code"] == "not_found"


def test_what_was_undone_and_overwritten_stays_undone(blender):
    gone = create(blender, "A")
    blender.run("history.undo")
    create(blender, "B")
    assert {c["call"]: c["undone"] for c in calls(blender, limit=2)}[gone] is True
    assert "already been undone" in blender.problem("history.revert", {"id": gone})["message"]


def test_an_undo_by_the_artist_is_seen(blender):
    first = create(blender, "A")
    assert blender.eval("bpy.ops.ed.undo()") == ["FINISHED"]
    told = {c["call"]: c for c in calls(blender)}
    assert told[first]["undone"] and not told[first]["can_revert"]
    assert blender.eval("bpy.ops.ed.redo()") == ["FINISHED"]
    assert not {c["call"]: c for c in calls(blender)}[first]["undone"]


def test_a_call_that_nobody_knows(blender):
    known = create(blender, "A")
    problem = blender.problem("history.revert", {"id": "call_nope"})
    assert problem["code"] == "not_found" and known in problem["hint"]


def test_a_call_without_a_step_says_why(blender):
    never = blender.send("code.run", {"code": "bpy.data.objects['Cube'].location.x = 1", "undo": "never"})
    blender.value(blender.outcome(never))
    assert "no undo step" in blender.problem("history.revert", {"id": never})["message"]


def test_past_a_file_load_it_says_so(blender):
    before = create(blender, "A")
    opening = blender.send("file.new")
    blender.value(blender.outcome(opening))
    told = {c["call"]: c for c in calls(blender)}
    assert not told[before]["can_revert"] and not told[before]["undone"]
    problem = blender.problem("history.revert", {"id": before})
    assert "Another file has been opened" in problem["message"] and "recovery" in problem["hint"]
    assert "opened another file" in blender.problem("history.revert", {"id": opening})["message"]
    assert "nothing to undo" in blender.problem("history.undo")["message"]


def test_past_blenders_depth_it_says_so(blender):
    blender.eval(FEW % 4)
    try:
        ids = [create(blender, "E%d" % n) for n in range(7)]
        problem = blender.problem("history.revert", {"id": ids[0], "through": True})
        assert "beyond what Blender keeps" in problem["message"] and "4 steps" in problem["message"]
        assert blender.run("history.revert", id=ids[5], through=True)["reverted"] == ids[5]
        assert "Only " in blender.problem("history.undo", {"steps": 30})["message"]
    finally:
        blender.eval(FEW % 32)


def test_switched_off_in_the_preferences(blender):
    create(blender, "A")
    blender.eval("bpy.context.preferences.edit.use_global_undo = False")
    try:
        problem = blender.problem("history.undo")
        assert problem["code"] == "not_supported" and "use_global_undo" in problem["hint"]
    finally:
        blender.eval("bpy.context.preferences.edit.use_global_undo = True")


def test_what_cannot_be_read_is_not_undone(blender):
    """A Blender that tells its history in another way: in doubt nobody's work is undone."""
    one = create(blender, "A")
    blender.eval(
        "import kapelle_blender.undo_stack as s; kept = s._printed; s._printed = lambda prints: 'Undo: 5 things'; None"
    )
    try:
        problem = blender.problem("history.undo")
        assert problem["code"] == "not_supported" and problem["message"].startswith("This Blender's undo history cannot be read")
        assert blender.problem("history.revert", {"id": one})["code"] == "not_supported"
        told = blender.run("history.list")
        assert told["artist_steps"] is None and not told["calls"][0]["can_revert"]
        assert "A" in names(blender)
    finally:
        blender.eval("import kapelle_blender.undo_stack as s; s._printed = kept; None")
    assert blender.run("history.undo")["undone"]


def test_reading_the_history_keeps_what_others_print(blender):
    """The process's output goes on while it is read: other threads lose nothing."""
    lines = blender.eval("""
import os, threading
from kapelle_blender import undo_stack
stop, lines = threading.Event(), 0
def chatter():
    global lines
    while not stop.is_set():
        os.write(1, b"chatter %d\\n" % lines)
        lines += 1
thread = threading.Thread(target=chatter)
thread.start()
for _ in range(50):
    assert undo_stack.read("") is not None
stop.set()
thread.join()
os.write(1, b"chatter over\\n")
lines
""")
    wait_until(lambda: any("chatter over" in line for line in blender.output), what="the output")
    assert len({line for line in blender.output if line.startswith("chatter ")}) == lines + 1


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("No undo steps recorded yet.\n", 0),
        ("Undo 1 Steps (*: active)\n[*#M ]   0 {0x1} type='Global Undo', name='it's'\n", 1),
        ("Undo 2 Steps (*: active)\n[*#M ]   0 {0x1} type='Global Undo', name='a'\n", None),
        ("Undo 1 Steps (*: active)\n[ #M ]   0 {0x1} type='Global Undo', name='a'\n", None),
        ("something else", None),
    ],
)
def test_the_text_of_the_history_is_read_whole_or_not_at_all(blender, text, steps):
    told = blender.eval("from kapelle_blender import undo_stack as u; p = u.parse(%r); p and len(p.steps)" % text)
    assert told == steps


def test_kept_variables_that_an_undo_made_invalid_are_named(blender):
    blender.eval("""
made = bpy.data.objects.new('Made', None); bpy.context.collection.objects.link(made)
cube = bpy.data.objects['Cube']; cube.location.x = 5
spot = cube.location
vertex = cube.data.vertices[0]
several = {'in': [1, made]}
number, text, light = 5, 'x', bpy.data.objects['Light']
""")
    blender.eval("other = bpy.data.objects['Made']", args={"namespace": "second"})
    blender.eval("theirs = bpy.data.objects['Made']", owner="ben")
    told = blender.run("history.undo")
    assert told["invalid_variables"] == ["cube", "made", "several", "spot", "vertex", "second: other"]
    problem = blender.code("number, made.name")["problem"]
    assert "made" in problem["hint"] and "history.undo" in problem["hint"], problem
    problem = blender.code("theirs.name", owner="ben")["problem"]
    assert "`theirs`" in problem["hint"], problem
    blender.run("history.redo")
    assert blender.eval("bpy.data.objects['Made'].name") == "Made"


def test_code_that_undoes_is_told_which_variables_are_gone(blender):
    blender.eval("made = bpy.data.objects.new('Made', None); bpy.context.collection.objects.link(made)")
    outcome = blender.code("bpy.ops.ed.undo()")
    assert any("made" in log["text"] and log["source"] == "history" for log in outcome["output"]["logs"]), outcome
    blender.eval("cube = bpy.data.objects['Cube']; None")
    outcome = blender.run_outcome("file.new")
    assert any("cube" in log["text"] for log in outcome["output"]["logs"]), outcome


def test_steps_of_one_label_are_told_apart(blender):
    """Two calls of the same name; and a bridge that came later counts from one again."""
    first, second = (blender.send("code.run", {"code": "bpy.data.objects['Cube'].location.x += 1"}) for _ in range(2))
    blender.value(blender.outcome(first))
    blender.value(blender.outcome(second))
    push(blender, calls(blender)[0]["label"].rpartition("#")[0] + "#7777")
    assert "artist" in blender.problem("history.undo")["message"], "a step that looks like ours and is none"
    assert blender.run("history.revert", id=second, through=True)["reverted"] == second
    assert blender.run("object.get", name="Cube")["location"][0] == 1


def test_in_edit_mode_a_step_holds_what_is_edited(blender):
    """Blender's steps in edit mode hold the mesh alone; what else a call changed there is not said to be undone."""
    blender.eval(
        "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']; bpy.ops.object.mode_set(mode='EDIT')"
    )
    mesh = blender.send(
        "code.run", {"code": "bpy.ops.mesh.select_all(action='SELECT'); bpy.ops.mesh.subdivide(); None"}
    )
    blender.value(blender.outcome(mesh))
    count = "bpy.data.objects['Cube'].update_from_editmode(); len(bpy.data.objects['Cube'].data.vertices)"
    assert blender.eval(count, args={"undo": "never"}) == 26
    told = blender.run("history.undo")
    assert told["undone"][0]["call"] == mesh and told["stays"] == []
    assert blender.eval(count, args={"undo": "never"}) == 8
    other = blender.send("code.run", {"code": "bpy.data.objects['Light'].location.x = 55"})
    blender.value(blender.outcome(other))
    for command, args in (("history.undo", {}), ("history.revert", {"id": other})):
        problem = blender.problem(command, args)
        assert "object 'Light' would not change" in problem["message"] and other in problem["message"], problem
    told = blender.run("history.undo", through=True)
    assert told["stays"] == [{"type": "object", "name": "Light"}]
    assert blender.run("object.get", name="Light")["location"][0] == 55
    blender.eval("bpy.ops.object.mode_set(mode='OBJECT')")


def test_a_fresh_blender_has_nothing_to_undo(program, package):
    with Instance(program, package) as blender:
        assert blender.run("history.list") == {"calls": [], "artist_steps": None}
        assert "nothing to undo" in blender.problem("history.undo")["message"]
        made = create(blender, "A")
        assert blender.run("history.revert", id=made)["reverted"] == made
