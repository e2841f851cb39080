# SPDX-License-Identifier: MIT OR Apache-2.0
"""Animations: frames come one by one, a cancel keeps them, and what is there is skipped or replaced."""

import os

from instance import wait_until
from test_render import children, endless, png, read

SMALL = {"width": 32, "height": 24, "engine": "cycles", "samples": 1}


def names(folder):
    return sorted(os.listdir(folder))


def test_frames_come_as_files_with_progress_over_all(blender):
    blender.eval("o = bpy.data.objects['Cube']; o.keyframe_insert('location', frame=1); o.location.x = 50")
    blender.eval("bpy.data.objects['Cube'].keyframe_insert('location', frame=9)")
    folder = os.path.join(blender.home, "anim")
    call = blender.send("render.animation", dict(SMALL, path="anim", start=1, end=9, step=4))
    outcome = blender.outcome(call)
    told = blender.value(outcome)
    assert (told["path"], told["frames"], told["frame_count"], told["skipped"]) == (folder, [1, 5, 9], 3, [])
    assert names(folder) == ["frame_0001.png", "frame_0005.png", "frame_0009.png"]
    assert told["first_file"] == os.path.join(folder, "frame_0001.png")
    assert (told["engine"], told["width"], told["height"]) == ("cycles", 32, 24)
    assert png(told["first_file"])[:2] == (32, 24)
    assert read(told["first_file"]) != read(os.path.join(folder, "frame_0009.png")), "the cube has left"
    fractions = [one["fraction"] for one in blender.hub.messages if one["t"] == "progress" and one["id"] == call]
    fractions = [one for one in fractions if one is not None]
    assert fractions and fractions == sorted(fractions) and fractions[-1] <= 1
    assert not any(outcome["changes"].values()) and blender.run("scene.get")["frame"] == 1


def test_what_is_there_is_refused_skipped_or_replaced(blender):
    args = dict(SMALL, path="again", start=1, end=2)
    blender.run("render.animation", **args)
    first = os.path.join(blender.home, "again", "frame_0001.png")
    told = blender.problem("render.animation", args)
    assert told["code"] == "file_exists" and "skip" in told["hint"]
    with open(first, "wb") as file:
        file.write(b"mine")
    told = blender.run("render.animation", **dict(args, end=3, existing="skip"))
    assert (told["frames"], told["skipped"]) == ([3], [1, 2]) and read(first) == b"mine"
    told = blender.run("render.animation", **dict(args, existing="skip"))
    assert told["frames"] == [] and told["skipped"] == [1, 2] and told["first_file"] is None
    told = blender.run("render.animation", **dict(args, end=1, existing="overwrite"))
    assert told["frames"] == [1] and read(first)[:4] == b"\x89PNG"


def test_a_cancel_keeps_the_finished_frames_and_names_them(blender):
    endless(blender, "")
    blender.eval(
        "s = bpy.context.scene.cycles; s.samples = 1; s.keyframe_insert('samples', frame=2); "
        "s.samples = 200000; s.keyframe_insert('samples', frame=3)"
    )
    args = {"path": "cut", "start": 1, "end": 50, "width": 640, "height": 480, "engine": "cycles"}
    call = blender.send("render.animation", args)
    second = os.path.join(blender.home, "cut", "frame_0002.png")
    wait_until(lambda: os.path.exists(second), 120, what="two frames")
    assert blender.eval("1+1") == 2, "the instance is free"
    blender.cancel(call)
    outcome = blender.outcome(call)
    assert outcome["status"] == "cancelled"
    notes = [one["text"] for one in outcome["output"]["logs"] if one["source"] == "render.animation"]
    assert any("2 of 50 frames are finished" in one and "1, 2" in one for one in notes), notes
    assert names(os.path.join(blender.home, "cut")) == ["frame_0001.png", "frame_0002.png"]
    wait_until(lambda: not children(blender.process.pid), what="the end of the child")
    wait_until(lambda: not os.listdir(os.path.join(blender.home, "run", "renders")), what="tidying up")


def test_films(blender):
    if not blender.eval("bpy.app.build_options.codec_ffmpeg"):
        told = blender.problem("render.animation", dict(SMALL, format="mp4", start=1, end=2))
        assert told["code"] == "not_supported" and "png" in told["hint"]
        return
    told = blender.run("render.animation", **dict(SMALL, format="mp4", start=1, end=3, path="film.mp4"))
    assert told["path"] == os.path.join(blender.home, "film.mp4") and told["frame_count"] == 3
    assert read(told["path"])[4:8] == b"ftyp" and told["bytes"] == os.path.getsize(told["path"])
    assert told["fps"] == 24
    told = blender.problem("render.animation", dict(SMALL, format="mp4", path="film.mp4"))
    assert told["code"] == "file_exists"
    assert ".mkv" in blender.problem("render.animation", dict(SMALL, format="mkv", path="film.mp4"))["message"]


def test_what_cannot_be_rendered(blender):
    told = blender.problem("render.animation", dict(SMALL, start=5, end=1))
    assert told["code"] == "arguments_invalid" and "ends (1)" in told["message"]
    assert "step" in blender.problem("render.animation", dict(SMALL, start=0, end=1000000))["hint"]
    blender.eval("open(%r, 'w').close()" % os.path.join(blender.home, "plain"))
    assert blender.problem("render.animation", dict(SMALL, path="plain"))["code"] == "path_refused"
    outcome = blender.call("render.animation", dict(SMALL, path="/etc/x"), scopes=("read", "write"))
    assert outcome["problem"]["code"] == "path_refused"
    blender.run("camera.set", name="Camera", active=False)
    assert "camera.create" in blender.problem("render.animation", SMALL)["hint"]


def test_a_still_brings_a_preview(blender):
    told = blender.run("render.still", **dict(SMALL, path="s.exr", overwrite=True))
    assert (told["preview"]["width"], told["preview"]["height"], told["preview"]["media_type"]) == (32, 24, "image/png")
    told = blender.run(
        "render.still", width=1600, height=1200, engine="cycles", samples=1, path="s.png", overwrite=True
    )
    small = told["preview"]
    assert (small["width"], small["height"]) == (768, 576)
    data = bytes(blender.hub.blobs[small["$blob"]][: small["bytes"]])
    path = os.path.join(blender.home, "small.png")
    with open(path, "wb") as file:
        file.write(data)
    assert png(path)[:2] == (768, 576)
    code = "i = bpy.data.images.load(%r); p = i.pixels[:]; bpy.data.images.remove(i); [sum(p[c::4]) / len(p[c::4]) for c in range(3)]"
    whole, little = blender.eval(code % told["path"]), blender.eval(code % path)
    assert all(abs(a - b) < 0.02 for a, b in zip(whole, little)), "the same colours"


def test_eevee_without_a_graphics_card_says_so_before_it_begins(blender):
    blender.run("viewport.screenshot", width=16)
    card = blender.eval("__import__('gpu').platform.renderer_get()")
    if "llvmpipe" not in card:
        return  # a real card: EEVEE is as quick as it should be
    call = blender.send("render.still", {"engine": "eevee", "width": 16, "height": 16, "path": "e.png"})
    said = lambda: [m["text"] for m in blender.hub.messages if m["t"] == "output" and m["id"] == call]  # noqa: E731
    wait_until(lambda: any("without a graphics card" in one and "llvmpipe" in one for one in said()), 60, "the note")
    blender.cancel(call)
    assert blender.outcome(call)["status"] in ("cancelled", "succeeded")
    wait_until(lambda: not children(blender.process.pid), what="the end of the child")
