# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a worker of a farm does: frames in this very Blender, a sheet, a film; and what a file does not find."""

import os

from test_render import png, read

SMALL = {"width": 32, "height": 24, "engine": "cycles", "samples": 2}


def names(folder):
    return sorted(os.listdir(folder))


def moving(blender):
    blender.eval("o = bpy.data.objects['Cube']; o.keyframe_insert('location', frame=1); o.location.x = 50")
    blender.eval("bpy.data.objects['Cube'].keyframe_insert('location', frame=9)")


def test_frames_are_whole_files_and_the_scene_is_as_it_was(blender):
    moving(blender)
    blender.eval("setattr(bpy.context.scene.render, 'filepath', '/tmp/mine_')")
    before = blender.run("scene.get")
    call = blender.send("render.frames", dict(SMALL, frames=[9, 1], path="here", threads=1))
    outcome = blender.outcome(call)
    told = blender.value(outcome)
    folder = os.path.join(blender.home, "here")
    assert (told["path"], [one["frame"] for one in told["frames"]], told["skipped"]) == (folder, [9, 1], [])
    assert (told["engine"], told["samples"], told["width"], told["format"]) == ("cycles", 2, 32, "png")
    assert names(folder) == ["frame_0001.png", "frame_0009.png"]
    assert png(os.path.join(folder, "frame_0001.png"))[:2] == (32, 24)
    assert read(os.path.join(folder, "frame_0001.png")) != read(os.path.join(folder, "frame_0009.png"))
    assert not any(outcome["changes"].values())
    after = blender.run("scene.get")
    assert dict(after, frame=0) == dict(before, frame=0) and after["frame"] == 1
    look = "r = bpy.context.scene.render; [r.filepath, r.threads_mode, r.use_persistent_data]"
    assert blender.eval(look) == ["/tmp/mine_", "AUTO", False]


def test_progress_names_the_frame_and_what_is_made(blender):
    # Large enough that a frame is not over between two looks, which are 0.05 s apart.
    large = dict(SMALL, width=256, height=192, samples=48, frames=[9, 1], path="slowly", threads=1)
    blender.eval("setattr(bpy.context.scene.cycles, 'use_adaptive_sampling', False)")
    call = blender.send("render.frames", large)
    assert blender.outcome(call)["status"] == "succeeded"
    told = [m for m in blender.hub.messages if m["t"] == "progress" and m["id"] == call]
    assert told and all(one["details"]["frame"] in (9, 1) for one in told)
    second = [one for one in told if one["details"]["frame"] == 1]
    assert second and second[0]["fraction"] >= 0.5 and second[0]["details"]["made"][0][0] == 9


def test_what_is_there_is_skipped_or_replaced(blender):
    args = dict(SMALL, frames=[1, 2], path="there")
    folder = os.path.join(blender.home, "there")
    os.makedirs(folder, exist_ok=True)
    first = os.path.join(folder, "frame_0001.png")
    with open(first, "wb") as out:
        out.write(b"mine")
    told = blender.run("render.frames", **args)
    assert ([one["frame"] for one in told["frames"]], told["skipped"]) == ([2], [1]) and read(first) == b"mine"
    told = blender.run("render.frames", **dict(args, overwrite=True))
    assert len(told["frames"]) == 2 and png(first)[:2] == (32, 24)
    assert names(folder) == ["frame_0001.png", "frame_0002.png"]


def test_a_dedicated_blender_keeps_what_was_set(blender):
    blender.run("render.frames", **dict(SMALL, frames=[1], path="mine", dedicated=True))
    look = "r = bpy.context.scene.render; [r.use_persistent_data, r.resolution_x]"
    assert blender.eval(look) == [True, 32]


def test_the_scene_s_own_format_with_its_settings(blender):
    code = "i = bpy.context.scene.render.image_settings; i.file_format = 'OPEN_EXR'; i.color_depth = '32'"
    blender.eval(code + "; i.file_format")
    plan = blender.run("render.plan", **SMALL)
    assert (plan["format"], plan["suffix"], plan["graphics_card"]) == ("exr", ".exr", False)
    told = blender.run("render.frames", **dict(SMALL, frames=[1], path="exr"))
    assert told["format"] == "exr"
    data = read(os.path.join(blender.home, "exr", "frame_0001.exr"))
    assert data[:4] == b"\x76\x2f\x31\x01" and blender.run("render.plan", format="jpg")["suffix"] == ".jpg"
    sheet = blender.run("render.sheet", files=["exr/frame_0001.exr"], path="exr.png", overwrite=True, width=128)
    assert png(sheet["path"])[0] == 128 and png(sheet["path"])[2] > 5


def test_a_plan_changes_nothing_and_says_what_is_wrong(blender):
    before = blender.run("scene.get")
    plan = blender.run("render.plan", **SMALL)
    assert (plan["start"], plan["end"], plan["step"], plan["fps"]) == (1, 250, 1, 24.0)
    assert (plan["camera"], plan["scene"], plan["width"]) == ("Camera", "Scene", 32)
    assert blender.run("scene.get") == before
    assert blender.problem("render.plan", {"scene": "Nowhere"})["code"] == "not_found"
    blender.eval("bpy.data.objects.remove(bpy.data.objects['Camera'])")
    assert "camera" in blender.problem("render.plan", {})["message"]


def test_a_frame_that_cannot_be_written_is_named(blender):
    blender.run("render.frames", **dict(SMALL, frames=[1], path="bad"))
    os.makedirs(os.path.join(blender.home, "bad", "frame_0002.png", "in the way"), exist_ok=True)
    told = blender.problem("render.frames", dict(SMALL, frames=[1, 2], path="bad", overwrite=True))
    assert told["details"]["frame"] == 2 and [one[0] for one in told["details"]["made"]] == [1]
    assert not [one for one in names(os.path.join(blender.home, "bad")) if one.endswith(".part")]


def test_a_sheet_and_a_film(blender):
    moving(blender)
    blender.run("render.frames", **dict(SMALL, frames=[1, 5, 9], path="show", overwrite=True))
    files = ["show/frame_%04d.png" % n for n in (1, 5, 9)]
    before = blender.eval("[len(bpy.data.images), len(bpy.data.scenes)]")
    sheet = blender.run("render.sheet", files=files, path="show/sheet.png", width=200, overwrite=True)
    assert (sheet["columns"], sheet["rows"], sheet["pictures"], sheet["width"]) == (2, 2, 3, 200)
    assert png(sheet["path"])[:2] == (200, sheet["height"]) and png(sheet["path"])[2] > 20
    assert blender.problem("render.sheet", {"files": files, "path": "show/sheet.png"})["code"] == "file_exists"
    if not blender.eval("bpy.app.build_options.codec_ffmpeg"):
        assert blender.problem("render.film", {"files": files, "path": "f.mp4"})["code"] == "not_supported"
        return
    film = blender.run("render.film", files=files, path="show/film.mp4", fps=12, overwrite=True)
    assert (film["pictures"], film["fps"], film["width"]) == (3, 12, 32)
    assert read(film["path"])[4:8] == b"ftyp"
    assert blender.eval("[len(bpy.data.images), len(bpy.data.scenes)]") == before
    assert blender.problem("render.film", {"files": files, "path": "f.gif"})["code"] == "arguments_invalid"


def test_missing_files_and_fonts_are_told(blender):
    told = blender.run("file.missing")
    assert told["missing"] == []
    blender.eval("i = bpy.data.images.new('Wood', 4, 4); i.source = 'FILE'; i.filepath = '/nowhere/wood.png'; 1")
    font = os.path.join(blender.home, "letters.ttf")
    code = (
        "import os, shutil; found = [os.path.join(d, f) for d, _, fs in os.walk(bpy.utils.system_resource('DATAFILES'))"
        " for f in fs if f.endswith(('.ttf', '.woff2', '.pfb'))]; shutil.copy(found[0], %r) if found else None; len(found)"
    )
    if blender.eval(code % font):
        blender.eval("bpy.data.fonts.load(%r).name" % font)
        os.remove(font)
        kinds = {one["kind"]: one for one in blender.run("file.missing")["missing"]}
        assert kinds["font"]["path"] == font
    kinds = {one["kind"]: one for one in blender.run("file.missing")["missing"]}
    assert kinds["image"]["path"] == "/nowhere/wood.png" and kinds["image"]["name"] == "Wood"
    blender.eval(
        "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']; bpy.ops.object.modifier_add(type='CLOTH')"
    )
    assert {"kind": "cloth", "name": "Cube"} in blender.run("file.missing")["unbaked"]
