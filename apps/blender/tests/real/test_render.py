# SPDX-License-Identifier: MIT OR Apache-2.0
"""Rendering in a child process: the picture, progress, cancel, and the instance that stays free meanwhile."""

import glob
import os
import struct
import time
import zlib

import pytest
from instance import wait_until

SMALL = {"width": 64, "height": 48, "engine": "cycles", "samples": 2}
LONG = {"width": 1280, "height": 960, "engine": "cycles", "samples": 100000}


def endless(blender, path):
    """Arguments of a render of hours: adaptive sampling would call a plain scene done within seconds."""
    blender.eval("setattr(bpy.context.scene.cycles, 'use_adaptive_sampling', False)")
    return dict(LONG, path=path)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def png(path):
    """(width, height, number of different bytes in the pixels) of a PNG."""
    data = read(path)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            pixels += data[at + 8 : at + 8 + size]
        at += 12 + size
    width, height = struct.unpack(">II", data[16:24])
    return width, height, len(set(zlib.decompress(pixels)))


def children(pid):
    """The processes that it started and that still run."""
    found = []
    for one in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % one) as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(one))
    return found


def test_a_picture_is_rendered(blender):
    temporary = set(glob.glob(os.path.join(blender.temporary, "blender_*")))
    outcome = blender.call("render.still", dict(SMALL, path="first.png", overwrite=True))
    told = outcome["value"]
    assert outcome["status"] == "succeeded", outcome
    width, height, variety = png(told["path"])
    assert (width, height) == (64, 48) and variety > 20, "it is not one grey"
    assert told["bytes"] == os.path.getsize(told["path"]) and told["seconds"] > 0
    assert (told["engine"], told["samples"], told["camera"], told["frame"]) == ("cycles", 2, "Camera", 1)
    said = [one for one in outcome["output"]["logs"] if one["source"] != "render.still"]
    assert outcome["output"]["stdout"] == "" and not said, "how the copy was made is nobody's business"
    assert outcome["changes"] == {"added": [], "changed": [], "removed": []}
    assert blender.run("scene.get")["width"] == 1920, "nothing in the open file changed"
    assert blender.problem("render.still", dict(SMALL, path="first.png"))["code"] == "file_exists"
    left = set(glob.glob(os.path.join(blender.temporary, "blender_*"))) - temporary
    assert not left, "nothing of the child is left"


def test_it_shows_what_was_not_saved_yet(blender):
    blender.run("object.create", kind="plane", name="Wall", size=50, rotation=[90, 0, 45], location=[3, -3, 2])
    blender.run("material.create", name="Glow", object="Wall", base_color=[0, 0, 0], emission_color=[1, 0, 0])
    told = blender.run("render.still", **SMALL)
    assert os.path.dirname(told["path"]) == os.path.join(blender.home, "renders")
    code = "i = bpy.data.images.load(%r); p = list(i.pixels[:4]); bpy.data.images.remove(i); p"
    red, green, _blue, _alpha = blender.eval(code % told["path"])
    assert red > 0.5 and red > 1.5 * green, "the glowing wall fills the picture"


def test_frame_camera_scene_percentage_and_transparency(blender):
    blender.run("camera.create", name="Other", location=[0, 0, 9], active=False)
    blender.eval("cube = bpy.data.objects['Cube']; cube.keyframe_insert('location', frame=1)")
    blender.eval("cube.location.x = 50; cube.keyframe_insert('location', frame=9)")
    told = blender.run(
        "render.still",
        **dict(SMALL, camera="Other", frame=9, percentage=50, transparent=True, path="t.png", overwrite=True),
    )
    assert (told["width"], told["height"], told["camera"], told["frame"]) == (32, 24, "Other", 9)
    assert png(told["path"])[2] <= 8, "the cube has left and the background is transparent"


def test_other_formats_and_the_bytes_themselves(blender):
    told = blender.run("render.still", **dict(SMALL, path="p.jpg", overwrite=True, blob=True))
    assert told["blob"]["media_type"] == "image/jpeg"
    data = bytes(blender.hub.blobs[told["blob"]["$blob"]])
    assert data[:2] == b"\xff\xd8" and data == read(told["path"])
    told = blender.run("render.still", **dict(SMALL, path="p.exr", overwrite=True))
    assert read(told["path"])[:4] == b"\x76\x2f\x31\x01"
    assert ".png" in blender.problem("render.still", {"path": "p.gif"})["hint"]


def test_workbench(blender):
    told = blender.call(
        "render.still", {"engine": "workbench", "width": 64, "height": 48, "path": "w.png", "overwrite": True}
    )
    if told["status"] == "failed" and blender.program.kind == "blender":
        assert told["problem"]["code"] == "call_failed"  # 3.4 has no drawing without a display
        return
    assert told["value"]["engine"] == "workbench" and png(told["value"]["path"])[2] > 5
    assert blender.problem("render.still", {"engine": "workbench", "samples": 3})["code"] == "not_supported"


def test_what_cannot_be_rendered(blender):
    assert "'Camera'" in blender.problem("render.still", {"camera": "Camra"})["hint"]
    blender.run("camera.set", name="Camera", active=False)
    assert "camera.create" in blender.problem("render.still", {})["hint"]


def test_the_instance_stays_free_and_a_cancel_kills_the_child(blender):
    call = blender.send("render.still", endless(blender, "long.png"))
    progress = blender.hub.wait("progress", seconds=60, id=call, text="starting the renderer")
    assert progress["fraction"] == 0
    wait_until(
        lambda: any(
            m["t"] == "progress" and m["id"] == call and m["text"].startswith("sample") for m in blender.hub.messages
        ),
        60,
    )
    began = time.monotonic()
    assert blender.eval("1+1") == 2 and time.monotonic() - began < 5.0
    blender.run("object.create", kind="cube")
    assert len(children(blender.process.pid)) == 1
    child = children(blender.process.pid)[0]
    blender.cancel(call)
    began = time.monotonic()
    outcome = blender.outcome(call)
    assert outcome["status"] == "cancelled" and time.monotonic() - began < 5.0
    wait_until(lambda: not os.path.exists("/proc/%d" % child), what="the end of the child")
    assert not os.path.exists(os.path.join(blender.home, "long.png"))
    wait_until(lambda: not os.listdir(os.path.join(blender.home, "run", "renders")), what="tidying up")


def test_a_timeout_kills_the_child(blender):
    outcome = blender.call("render.still", endless(blender, "late.png"), timeout_ms=4000)
    assert outcome["status"] == "timed_out"
    wait_until(lambda: not children(blender.process.pid), what="the end of the child")


def test_a_picture_may_be_given_a_time(blender):
    told = blender.run("render.still", time_limit=0.5, **endless(blender, "timed.png"))
    assert png(told["path"])[2] > 5
    refused = blender.problem("render.still", {"engine": "workbench", "time_limit": 1})
    assert refused["code"] == "not_supported" and "cycles" in refused["hint"]


def test_more_renders_than_places_wait_and_all_end(blender):
    calls = [blender.send("render.still", dict(SMALL, path="many-%d.png" % n, overwrite=True)) for n in range(4)]
    most = 0
    while not all(any(m["t"] == "outcome" and m["id"] == one for m in blender.hub.messages) for one in calls):
        most = max(most, len(children(blender.process.pid)))
        time.sleep(0.05)
    assert all(blender.outcome(one)["status"] == "succeeded" for one in calls)
    assert 1 <= most <= 2


def test_waiting_renders_are_cancelled_at_once(blender):
    first = [blender.send("render.still", endless(blender, "a%d.png" % n)) for n in range(2)]
    waiting = blender.send("render.still", endless(blender, "b.png"))
    blender.hub.wait("progress", seconds=60, id=waiting)
    blender.cancel(waiting)
    assert blender.outcome(waiting, 5)["status"] == "cancelled"
    for one in first:
        blender.cancel(one)
        assert blender.outcome(one, 10)["status"] == "cancelled"


def test_a_child_that_is_killed_is_told(blender):
    call = blender.send("render.still", endless(blender, "killed.png"))
    wait_until(lambda: children(blender.process.pid), 60)
    time.sleep(1.0)
    os.kill(children(blender.process.pid)[0], 9)
    outcome = blender.outcome(call)
    assert outcome["status"] == "failed" and "code -9" in outcome["problem"]["message"]
    assert blender.eval("1+1") == 2


def test_the_child_dies_with_its_blender(program, package):
    from instance import Instance

    with Instance(program, package) as mine:
        mine.send("render.still", endless(mine, "orphan.png"))
        wait_until(lambda: children(mine.process.pid), 60)
        time.sleep(2.0)
        child = children(mine.process.pid)[0]
        mine.process.kill()
        wait_until(lambda: not os.path.exists("/proc/%d" % child), what="the end of the child")


@pytest.mark.parametrize("engine", ["cycles"])
def test_denoising_is_left_out_where_it_cannot_be_done(blender, engine):
    blender.run("scene.set", engine=engine)
    blender.eval("bpy.context.scene.cycles.use_denoising = True")
    outcome = blender.call("render.still", dict(SMALL, path="d.png", overwrite=True))
    assert outcome["status"] == "succeeded", outcome
    noted = any("OpenImageDenoise" in one["text"] for one in outcome["output"]["logs"])
    assert noted == (not blender.eval("import _cycles; _cycles.with_openimagedenoise"))
