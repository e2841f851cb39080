# SPDX-License-Identifier: MIT OR Apache-2.0
"""Undo in a window, where the artist's steps stand among those of the calls."""

from instance import wait_until
from talk import Talk

# What an artist does, by Blender's own timer and outside of any call; with its undo step as a key or menu makes it.
ARTIST = """
import bpy, os
def act():
    window = bpy.context.window_manager.windows[0]
    area = next(one for one in window.screen.areas if one.type == "VIEW_3D")
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        %s
    os.write(1, b"the artist has acted\\n")
bpy.app.timers.register(act, first_interval=0.05)
None
"""
MOVE = "bpy.ops.transform.translate('EXEC_DEFAULT', True, value=(0, 0, 2))"
UNDO = "bpy.ops.ed.undo()"


def artist(blender, action):
    """Waits without a word to Blender, as an artist works between calls."""
    said = sum("the artist has acted" in line for line in blender.output)
    blender.eval(ARTIST % action, args={"undo": "never"}, owner="watcher")
    wait_until(lambda: sum("the artist has acted" in line for line in blender.output) > said, 60, "the artist's action")


def create(blender, name):
    call_id = blender.send("object.create", {"kind": "cube", "name": name})
    outcome = blender.outcome(call_id)
    blender.value(outcome)
    assert not outcome["output"]["logs"], outcome
    return call_id


def place(blender, name):
    return blender.run("object.get", name=name)["location"][2]


def test_a_call_is_reverted_in_a_window(blender):
    made = create(blender, "A")
    assert blender.run("history.revert", id=made)["reverted"] == made
    assert blender.run("object.list", name="A")["total"] == 0
    assert blender.run("history.redo")["redone"][0]["call"] == made
    assert blender.run("object.list", name="A")["total"] == 1
    blender.redraw()


def test_the_artists_steps_are_known_and_kept(blender):
    made = create(blender, "A")
    artist(blender, MOVE)
    assert place(blender, "A") == 2
    problem = blender.problem("history.revert", {"id": made})
    assert "1 came after it" in problem["message"] and "the artist's 'Move'" in problem["message"], problem
    assert "artist" in blender.problem("history.undo")["message"]
    assert place(blender, "A") == 2, "nothing was touched"
    listed = blender.run("history.list")
    assert listed["artist_steps"][0] == "Move" and not listed["calls"][0]["can_revert"]
    told = blender.run("history.revert", id=made, through=True)
    assert [one["label"] for one in told["undone"]][0] == "Move" and len(told["undone"]) == 2
    assert blender.run("object.list", name="A")["total"] == 0
    blender.redraw()


def test_calls_and_steps_of_the_artist_in_turn(blender):
    first = create(blender, "A")
    artist(blender, MOVE)
    second = create(blender, "B")
    assert blender.run("history.revert", id=second)["reverted"] == second
    assert place(blender, "A") == 2, "the artist's move stands"
    artist(blender, UNDO)
    assert place(blender, "A") == 0
    assert blender.run("history.revert", id=first)["reverted"] == first
    assert blender.run("object.list")["total"] == 3


def test_the_artists_undo_of_a_call_is_seen(blender):
    made = create(blender, "A")
    artist(blender, UNDO)
    told = {one["call"]: one for one in blender.run("history.list")["calls"]}
    assert told[made]["undone"]
    assert blender.run("history.redo")["redone"][0]["call"] == made


def test_what_an_artist_changes_is_a_revision_of_its_own(blender):
    create(blender, "A")
    since = blender.run("state.get")["revision"]
    artist(blender, MOVE)
    told = blender.run("state.changes", since=since)
    assert told["by"] == "artist" and {"type": "object", "name": "A"} in told["changed"]
    artist(blender, "bpy.ops.mesh.primitive_cube_add('EXEC_DEFAULT', True)")
    told = blender.run("state.changes", since=told["revision"])
    assert {"type": "object", "name": "Cube.001"} in told["added"] and told["by"] == "artist"


def test_what_an_artist_changes_is_pushed(blender):
    create(blender, "A")
    blender.hub.forget()
    artist(blender, MOVE)

    def told():
        changes = [one["changes"] for one in blender.hub.messages if one["t"] == "state" and "changes" in one]
        # In one message with the making of A it is added and moved at once.
        touched = [one["added"] + one["changed"] for one in changes if "artist" in one["all"]]
        return any({"type": "object", "name": "A"} in one for one in touched)

    with blender.hub.changed:
        assert blender.hub.changed.wait_for(told, 60), blender.hub.messages[-5:]


def test_looking_is_not_the_artists_doing(blender):
    create(blender, "A")
    since = blender.run("state.get")["revision"]
    for _ in range(20):
        blender.run("object.get", name="A")
        blender.eval("1+1")
    told = blender.run("state.changes", since=since)
    assert told["revision"] == since and told["by"] is None, told


def test_not_while_a_render_runs(blender):
    """Blender ends its jobs for an undo; a render is not ended that way."""
    made = create(blender, "A")
    blender.eval(
        "s = bpy.context.scene; s.render.engine = 'CYCLES'; s.cycles.samples = 100000; s.cycles.use_adaptive_sampling = False\n"
        "s.cycles.use_denoising = False; s.render.resolution_x = s.render.resolution_y = 64; None",
        args={"undo": "never"},
    )
    blender.eval("bpy.ops.render.render('INVOKE_DEFAULT'); None", args={"undo": "never"})
    for _ in range(2000):
        if blender.eval("bpy.app.is_job_running('RENDER')"):
            break
    problem = blender.problem("history.revert", {"id": made, "through": True})
    assert "a render is running" in problem["message"] and problem["retryable"], problem
    assert blender.eval("bpy.app.is_job_running('RENDER')")
    # Escape in the window ends it; here the end of that window does.
    blender.run("file.new")


def test_in_edit_mode(blender):
    """Blender's steps in edit mode hold the mesh that is edited."""
    blender.eval(
        "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']; bpy.ops.object.mode_set(mode='EDIT')"
    )
    moved = blender.send(
        "code.run", {"code": "bpy.ops.mesh.select_all(action='SELECT'); bpy.ops.mesh.subdivide(); None"}
    )
    blender.value(blender.outcome(moved))
    count = "bpy.data.objects['Cube'].update_from_editmode(); len(bpy.data.objects['Cube'].data.vertices)"
    assert blender.eval(count, args={"undo": "never"}) == 26
    assert blender.run("history.undo")["undone"][0]["call"] == moved
    assert blender.eval(count, args={"undo": "never"}) == 8
    assert blender.eval("bpy.context.mode") == "EDIT_MESH"
    blender.eval("bpy.ops.object.mode_set(mode='OBJECT')")


def test_an_artists_operators_under_an_override_live_beside_our_threads(blender):
    """Those of other add-ons, say: 3.4 crashed when a thread of ours woke up in one."""
    many = "[bpy.ops.transform.translate('EXEC_DEFAULT', False, value=(0, 0, 0.01)) for _ in range(400)]"
    with Talk(blender) as talk:
        for _ in range(3):
            artist(blender, many)
    assert talk.said > 100
    assert place(blender, "Cube") > 10
