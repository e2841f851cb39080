# SPDX-License-Identifier: MIT OR Apache-2.0
"""render.still: in a process of its own, with progress; a cancel kills it and the instance stays free."""

import os
import time

import pytest
from hubs import is_alive, wait_until
from pictures import decode

SMALL = {"width": 96, "height": 64, "engine": "cycles", "samples": 4}
LONG = {"width": 1920, "height": 1080, "engine": "cycles", "samples": 40000}


def endless(http, **more):
    """Arguments of a render of hours: adaptive sampling would call a plain scene done within seconds."""
    http.eval("setattr(bpy.context.scene.cycles, 'use_adaptive_sampling', False)")
    return dict(LONG, **more)


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = open("/proc/%s/stat" % entry).read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == pid and stat[0] != "Z":
                found.append(int(entry))
    return found


@pytest.mark.every_blender
def test_a_picture_is_rendered(stage, http):
    http.run("object.create", kind="monkey", name="Seen", location=[0, 0, 2])
    told = http.run("render.still", path=str(stage.home / "renders" / "one.png"), overwrite=True, blob=True, **SMALL)
    assert (told["width"], told["height"], told["samples"]) == (96, 64, 4)
    data = open(told["path"], "rb").read()
    assert told["bytes"] == len(data)
    picture = decode(data)
    assert (picture.width, picture.height) == (96, 64)
    assert picture.shades() > 50, "it is flat"
    assert http.request("GET", "/v1/blobs/" + told["blob"]["$blob"]).body == data
    again = http.call("render.still", dict(SMALL, path=told["path"]))
    assert again["problem"]["code"] == "file_exists"


@pytest.mark.every_blender
def test_progress_comes_while_it_renders_and_the_instance_is_free(http):
    body = {"app": "blender", "command": "render.still", "args": dict(SMALL, width=320, height=200, samples=96)}
    fractions, free = [], []
    for name, data, _ in http.events("POST", "/v1/calls", body):
        if name == "progress":
            fractions.append(data["progress"]["fraction"])
            if len(free) < 2:
                began = time.monotonic()
                assert http.eval("1 + 1") == 2
                free.append(time.monotonic() - began)
        if name == "ended":
            assert data["status"] == "succeeded", data
    told = [fraction for fraction in fractions if fraction is not None]
    assert len(told) >= 2 and told == sorted(told) and 0 <= told[0] < told[-1] <= 1, fractions
    assert max(free) < 2.0, "other calls pass beside a render"


@pytest.mark.every_blender
def test_a_cancel_kills_the_child_and_leaves_nothing(stage, http):
    pid = http.instance("blender")["pid"]
    path = stage.home / "renders" / "never.png"
    answer = http.ask("render.still", endless(http, path=str(path)), wait=False)
    call_id = answer.json["call_id"]
    children = wait_until(lambda: children_of(pid), 30, "the child")
    wait_until(lambda: http.look(call_id).get("progress", {}).get("fraction"), 90, "progress")
    began = time.monotonic()
    told = http.cancel(call_id)
    assert told["status"] == "cancelled" and time.monotonic() - began < 3.0, told
    wait_until(lambda: not any(is_alive(child) for child in children), 5, "the end of the child")
    assert not path.exists()
    assert http.eval("1") == 1 and http.instance("blender")["state"] == "idle"


def test_a_time_limit_ends_it_as_well(http):
    pid = http.instance("blender")["pid"]
    outcome = http.call("render.still", endless(http), timeout_ms=4000)
    assert outcome["status"] == "timed_out" and outcome["duration_ms"] < 8000
    wait_until(lambda: not children_of(pid), 5, "the end of the child")


def test_nothing_in_the_open_file_changes(http):
    http.run("scene.set", width=777, height=333, samples=99, engine="cycles")
    http.run("object.create", kind="cube", name="Unsaved")
    before = http.run("scene.get")
    http.run("render.still", **SMALL)
    assert http.run("scene.get") == before


def test_what_cannot_be_rendered_is_said(http):
    outcome = http.call("render.still", dict(SMALL, camera="Nobody"))
    assert outcome["status"] == "failed" and outcome["problem"]["code"] == "not_found"
    http.run("object.delete", name="Camera")
    outcome = http.call("render.still", SMALL)
    assert outcome["status"] == "failed" and "camera" in outcome["problem"]["message"].lower()
    http.ask("render.still", {"width": 0}).problem(400, "arguments_invalid")


def test_a_render_outlives_no_instance(stage, http):
    """Stopping the instance ends its render too."""
    pid = http.instance("blender")["pid"]
    call_id = http.ask("render.still", endless(http), wait=False).json["call_id"]
    children = wait_until(lambda: children_of(pid), 30, "the child")
    assert http.request("DELETE", "/v1/instances/blender").status == 200
    wait_until(lambda: not any(is_alive(child) for child in children), 15, "the end of the child")
    assert http.end(call_id)["status"] in ("cancelled", "interrupted")
    stage.start(stage.program, "blender")
