# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures in a Blender with a window: views off the screen, the artist's own view, and renders by Blender's own job,
with the artist's view, scene and history as they were."""

import os
import sys
import time
from pathlib import Path

import pytest
from instance import wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "walk"))

from pictures import decode
from program_version import version_of

WHOLE_S = 3.0
SMALL = {"width": 96, "height": 72}
QUICK = {"width": 64, "height": 48, "engine": "cycles", "samples": 1}
LOOK = """
v = bpy.context.view_layer
[len(bpy.data.objects), bpy.data.scenes.keys(), len(bpy.data.cameras), v.objects.active.name,
 [o.name for o in v.objects.selected], [w.scene.name for w in bpy.context.window_manager.windows][:1],
 [(s.name, a.spaces.active.shading.type, a.spaces.active.overlay.show_overlays,
   [round(n, 5) for r in a.spaces.active.region_3d.view_matrix for n in r])
  for s in bpy.data.screens for a in s.areas if a.type == 'VIEW_3D'], bpy.context.scene.render.filepath,
 bpy.context.scene.render.resolution_x, bpy.data.is_dirty]
"""
ENDLESS = """
c = bpy.context.scene.cycles
c.use_adaptive_sampling = c.use_denoising = False
0
"""

# Notes in every round of Blender's main loop whether a render runs and whether a window shows the scene of one of ours.
WATCH = """
seen = set()
def watch():
    shown = any(one.scene.get("kapelle_render") for one in bpy.context.window_manager.windows)
    seen.add((bpy.app.is_job_running("RENDER"), shown))
    return 0.0
bpy.app.timers.register(watch)
"""
# An editor of the artist's that shows the last render.
RESULT = """
area = next(one for one in bpy.context.window_manager.windows[0].screen.areas if one.type == "DOPESHEET_EDITOR")
area.type = "IMAGE_EDITOR"
area.spaces.active.image = bpy.data.images["Render Result"]
0
"""
# As the artist who closes the window of a render.
CLOSE = """
def close():
    window = next(one for one in bpy.context.window_manager.windows if one.screen.is_temporary)
    with bpy.context.temp_override(window=window):
        bpy.ops.wm.window_close()
bpy.app.timers.register(close)
"""


def picture(blender, **args):
    told = blender.run("viewport.screenshot", **args)
    return decode(bytes(blender.hub.blobs[told["image"]["$blob"]][: told["image"]["bytes"]])), told


def colours(blender):
    """How many colours the middle of the screen has, where the picture stands."""
    width, height, pixels = blender.display.pixels()
    found = set()
    for line in range(height // 4, 3 * height // 4, 4):
        at = (line * width + width // 4) * 3
        found.update(pixels[here : here + 3] for here in range(at, at + width // 2 * 3, 12))
    return len(found)


def look(blender):
    return blender.eval(LOOK, args={"undo": "never"})


def test_views_are_drawn_and_the_artist_notices_nothing(blender):
    blender.redraw()
    before = look(blender)
    revision = blender.run("state.changes", since=0)["revision"]
    for view in ("persp", "front", "camera"):
        made, told = picture(blender, view=view, **SMALL)
        assert made.shades() > 5 and told["engine"] == "workbench"
    picture(blender, shading="wireframe", overlays=True, **SMALL)
    told = blender.run("viewport.sheet", views=["front", "turntable"], turntable=2, **SMALL)
    assert told["views"] == ["front", "turn 0", "turn 180"]
    assert blender.run("docs.get", name="ShaderNodeBsdfPrincipled")["inputs"]
    blender.redraw()
    told = blender.run("state.changes", since=revision)
    assert "artist" not in told["all"] and not (told["added"] or told["changed"] or told["removed"]), told
    assert look(blender) == before


def test_the_artists_own_view_as_it_is(blender):
    blender.redraw()
    before = look(blender)
    made, told = picture(blender, view="current", width=200)
    area = blender.eval(
        "[[r.width, r.height] for a in bpy.context.window_manager.windows[0].screen.areas if a.type == 'VIEW_3D' "
        "for r in a.regions if r.type == 'WINDOW'][0]"
    )
    assert (told["shading"], made.width) == ("solid", 200)
    assert made.height == pytest.approx(200 * area[1] / area[0], abs=1)
    plain, _told = picture(blender, view="current", width=200, overlays=False)
    assert plain.rows != made.rows, "with the artist's overlays, and without"
    assert look(blender) == before
    blender.eval(
        "a = [a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == 'VIEW_3D'][0]\n"
        "bpy.context.scene.render.engine = 'CYCLES'; a.spaces.active.shading.type = 'RENDERED'; 0"
    )
    try:
        _made, told = picture(blender, view="current", width=64)
        assert told["shading"] == "solid" and "solid" in told["note"]
    finally:
        blender.eval("a.spaces.active.shading.type = 'SOLID'; 0")


def test_a_still_is_rendered_in_the_window(blender):
    before = look(blender)
    revision = blender.run("state.changes", since=0)["revision"]
    call = blender.send("render.still", dict(QUICK, path="a.png", overwrite=True))
    outcome = blender.outcome(call)
    told = blender.value(outcome)
    with open(told["path"], "rb") as file:
        made = decode(file.read())
    assert (made.width, made.height) == (64, 48) and made.shades() > 20
    assert (told["engine"], told["samples"], told["camera"], told["frame"]) == ("cycles", 1, "Camera", 1)
    assert told["scene"] == "Scene"
    assert (told["preview"]["width"], told["preview"]["height"]) == (64, 48)
    assert not any(outcome["changes"].values())
    wait_until(lambda: blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"])
    blender.redraw()
    told = blender.run("state.changes", since=revision)
    assert "artist" not in told["all"] and not (told["added"] or told["changed"] or told["removed"]), told
    after = look(blender)
    assert after[:5] == before[:5] and after[-3:] == before[-3:], "the scene has its own settings"
    assert not os.listdir(os.path.join(blender.home, "run", "renders"))


def test_a_child_renders_when_it_is_asked_for(blender):
    told = blender.run("render.still", **dict(QUICK, path="b.png", overwrite=True, background=True))
    assert told["width"] == 64 and os.path.exists(told["path"])


def test_blender_stays_usable_and_a_cancel_stops_the_job(blender):
    blender.eval(ENDLESS)
    call = blender.send("render.still", {"engine": "cycles", "samples": 1000000, "path": "long.png"})
    running = "bpy.app.is_job_running('RENDER')"
    wait_until(lambda: blender.eval(running, args={"undo": "never"}), 60, "the job")
    assert blender.eval("1+1") == 2
    assert blender.run("object.create", kind="cube", name="Meanwhile")["name"] == "Meanwhile"
    busy = blender.problem("render.still", dict(QUICK))
    assert busy["code"] == "call_failed" and "background" in busy["hint"]
    blender.hub.wait("progress", seconds=60, id=call)
    wait_until(lambda: colours(blender) > 60, 60, "the picture in the window")
    blender.screenshot("rendering")
    blender.cancel(call)
    assert blender.outcome(call)["status"] == "cancelled"
    wait_until(lambda: not blender.eval(running, args={"undo": "never"}), 60, "the end of the job")
    wait_until(lambda: blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"])
    assert not os.path.exists(os.path.join(blender.home, "long.png"))
    assert blender.eval("'Meanwhile' in bpy.data.objects and bpy.context.window.scene.name == 'Scene'")


def only_what_is_shown(blender):
    return (4, 0) <= version_of(blender.program.path) < (5, 0)


def shown_while_it_ran(blender):
    """What WATCH saw of a render that ran until it was cancelled: whether it was shown in all rounds, in none, or both."""
    blender.eval(ENDLESS)
    blender.eval(WATCH, args={"undo": "never"})
    call = blender.send("render.still", {"engine": "cycles", "samples": 1000000, "path": "long.png"})
    blender.hub.wait("progress", seconds=60, id=call)
    blender.cancel(call)
    assert blender.outcome(call)["status"] == "cancelled"
    seen = blender.eval("bpy.app.timers.unregister(watch); sorted(seen)", args={"undo": "never"})
    return [shown for runs, shown in seen if runs]


def test_what_is_rendered_is_shown_from_the_first_moment(blender):
    if not only_what_is_shown(blender):
        pytest.skip("this Blender also renders what no window shows")
    assert shown_while_it_ran(blender) == [True]
    # The window of the render stays; that it is opened although another editor shows renders is a case of its own.
    blender.eval(CLOSE + "None", args={"undo": "never"})
    wait_until(lambda: blender.eval("len(bpy.context.window_manager.windows)", args={"undo": "never"}) == 1, 60)
    blender.eval(RESULT, args={"undo": "never"})
    assert shown_while_it_ran(blender) == [True]
    assert blender.eval("area.spaces.active.image.type", args={"undo": "never"}) == "RENDER_RESULT"


def test_closing_its_window_ends_the_render(blender):
    blender.eval(ENDLESS)
    call = blender.send("render.still", {"engine": "cycles", "samples": 1000000, "path": "long.png"})
    blender.hub.wait("progress", seconds=60, id=call)
    blender.eval(CLOSE, args={"undo": "never"})
    problem = blender.outcome(call)["problem"]
    assert problem["code"] == "cancelled" and "closed its window" in problem["hint"], problem
    assert not os.path.exists(os.path.join(blender.home, "long.png")), "half a picture is none"
    assert not blender.eval("bpy.app.is_job_running('RENDER')", args={"undo": "never"})
    assert blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"]


def test_an_undo_of_the_artist_ends_the_render(blender):
    blender.run("object.create", kind="cube", name="One")
    blender.eval(ENDLESS)
    call = blender.send("render.still", {"engine": "cycles", "samples": 1000000, "path": "long.png"})
    blender.hub.wait("progress", seconds=60, id=call)
    blender.eval("bpy.app.timers.register(lambda: (bpy.ops.ed.undo(), None)[1])", args={"undo": "never"})
    problem = blender.outcome(call)["problem"]
    assert problem["code"] == "cancelled" and "undid" in problem["hint"], problem
    assert not os.path.exists(os.path.join(blender.home, "long.png")), "half a picture is none"
    assert blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"]


def test_who_wants_no_window_for_a_render_gets_none(blender):
    choose = "bpy.context.preferences.view.render_display_type = %r; len(bpy.context.window_manager.windows)"
    windows = blender.eval(choose % "NONE", args={"undo": "never"})
    try:
        outcome = blender.run_outcome("render.still", **dict(QUICK, path="c.png", overwrite=True))
        assert windows == blender.eval(choose % "NONE", args={"undo": "never"})
    finally:
        blender.eval(choose % "WINDOW", args={"undo": "never"})
    assert os.path.exists(outcome["value"]["path"])
    told = [one["text"] for one in outcome["output"]["logs"] if "separate process" in one["text"]]
    assert bool(told) == only_what_is_shown(blender), outcome


def test_an_animation_in_the_window_with_progress_skips_what_is_there(blender):
    args = dict(QUICK, path="anim", start=1, end=3)
    call = blender.send("render.animation", args)
    told = blender.value(blender.outcome(call))
    assert told["frames"] == [1, 2, 3] and told["skipped"] == []
    folder = os.path.join(blender.home, "anim")
    assert sorted(os.listdir(folder)) == ["frame_0001.png", "frame_0002.png", "frame_0003.png"]
    told_words = [one["text"] for one in blender.hub.messages if one["t"] == "progress" and one["id"] == call]
    assert any("of 3" in one for one in told_words), told_words
    first = os.path.join(folder, "frame_0001.png")
    with open(first, "wb") as file:
        file.write(b"mine")
    told = blender.run("render.animation", **dict(args, end=5, existing="skip"))
    assert (told["frames"], told["skipped"]) == ([4, 5], [1, 2, 3])
    with open(first, "rb") as file:
        assert file.read() == b"mine"
    assert blender.problem("render.animation", args)["code"] == "file_exists"


def test_a_film_in_the_window(blender):
    if not blender.eval("bpy.app.build_options.codec_ffmpeg"):
        pytest.skip("this Blender writes no films")
    told = blender.run("render.animation", **dict(QUICK, path="film.mp4", format="mp4", start=1, end=3))
    with open(told["path"], "rb") as file:
        assert file.read()[4:8] == b"ftyp"
    assert told["frame_count"] == 3 and told["fps"] == 24 and told["bytes"] == os.path.getsize(told["path"])


def test_a_cancelled_animation_keeps_its_frames(blender):
    blender.eval(
        "s = bpy.context.scene.cycles; s.use_adaptive_sampling = s.use_denoising = False\n"
        "s.samples = 1; s.keyframe_insert('samples', frame=2); s.samples = 1000000; s.keyframe_insert('samples', frame=3); 0"
    )
    call = blender.send(
        "render.animation", {"engine": "cycles", "path": "cut", "start": 1, "end": 9, "width": 320, "height": 240}
    )
    second = os.path.join(blender.home, "cut", "frame_0002.png")

    def said():
        return [one["text"] or "" for one in blender.hub.messages if one["t"] == "progress" and one["id"] == call]

    # The file is there a moment before Blender says that it is whole; a later progress may hide that one.
    def two_are_whole():
        lies_there = os.path.exists(second) and time.time() - os.path.getmtime(second) > WHOLE_S
        return lies_there or any("2 of 9" in text for text in said())

    wait_until(two_are_whole, 120, "two frames")
    blender.cancel(call)
    outcome = blender.outcome(call)
    assert outcome["status"] == "cancelled"
    assert any("2 of 9 frames are finished" in one["text"] for one in outcome["output"]["logs"]), outcome
    wait_until(lambda: blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"], 60)
    assert sorted(os.listdir(os.path.dirname(second))) == ["frame_0001.png", "frame_0002.png"]


def test_a_copy_that_an_undo_step_brings_back_goes(blender):
    blender.eval(ENDLESS)
    call = blender.send("render.still", {"engine": "cycles", "samples": 1000000, "path": "long.png"})
    wait_until(lambda: blender.eval("bpy.app.is_job_running('RENDER')", args={"undo": "never"}), 60, "the job")
    blender.run("object.create", kind="cube", name="One")
    blender.run("object.create", kind="cube", name="Two")
    blender.cancel(call)
    assert blender.outcome(call)["status"] == "cancelled"
    wait_until(lambda: blender.eval("bpy.data.scenes.keys()", args={"undo": "never"}) == ["Scene"], 60)
    blender.eval("bpy.ops.ed.undo()", args={"undo": "never"})
    assert blender.eval("['Two' in bpy.data.objects, bpy.data.scenes.keys()]", args={"undo": "never"}) == [
        False,
        ["Scene"],
    ]
