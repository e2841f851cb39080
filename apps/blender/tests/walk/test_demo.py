# SPDX-License-Identifier: MIT OR Apache-2.0
"""`kapelle demo`: from nothing to a rendered picture; a second time in seconds; another seed, another picture."""

import json
import struct
import time

import pytest
from hubs import Terminal
from pictures import decode

# Enough to see a picture; the full fineness is for people.
FEW = ("--samples", "2")


@pytest.fixture(scope="module")
def place(program, binary, tmp_path_factory):
    made = Terminal(binary, tmp_path_factory.mktemp("demo") / "home", {"KAPELLE_BLENDER": program.path})
    yield made
    made.kapelle("stop", "--hub")
    made.clear()


@pytest.fixture(scope="module")
def first(place):
    began = time.monotonic()
    done = place.kapelle("demo", *FEW, "--json")
    assert done.code == 0, done
    return done, time.monotonic() - began


def files_of(told):
    """All paths in the document, by their suffix."""
    found = {}

    def look(value):
        if isinstance(value, dict):
            [look(one) for one in value.values()]
        elif isinstance(value, list):
            [look(one) for one in value]
        elif isinstance(value, str) and value.startswith("/") and "." in value.rsplit("/", 1)[-1]:
            found[value.rsplit(".", 1)[-1]] = value

    look(told)
    return found


def picture_of(told):
    return decode(open(files_of(told)["png"], "rb").read())


def test_it_renders_a_picture_worth_looking_at(place, first):
    done, _ = first
    files = files_of(done.json)
    assert files["png"].startswith(str(place.home / "demo"))
    picture = picture_of(done.json)
    assert picture.width >= 320 and picture.height >= 180
    # Neither flat nor black nor white.
    assert picture.shades() > 1000 and 10 < picture.mean() < 245


def test_it_exports_a_glb_with_meshes_and_an_animation(first):
    data = open(files_of(first[0].json)["glb"], "rb").read()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    (size,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + size])
    assert len(document["meshes"]) >= 6 and len(document["materials"]) >= 2
    assert document.get("animations")


def test_it_goes_through_the_hub_like_everybody(place, first):
    calls = place.document("history", "--limit", "200")["calls"]
    commands = {call["command"] for call in calls}
    assert {"object.create", "material.create", "camera.create", "render.still", "file.export"} <= commands, commands
    assert {call["status"] for call in calls} == {"succeeded"}
    (instance,) = place.document("status")["instances"]
    assert instance["state"] == "idle" and instance["started_by_hub"] is True


def test_a_second_time_is_quick_and_tells_people_what_it_did(place, first):
    began = time.monotonic()
    again = place.kapelle("demo", *FEW)
    took = time.monotonic() - began
    assert again.code == 0, again
    # Seconds on a free machine; the most of it is the render.
    assert took < 45, took
    for path in files_of(first[0].json).values():
        assert path in again.out, again
    assert "kapelle code blender" in again.err, "the next step"
    (demo,) = place.document("status")["instances"]
    assert demo["name"] == "demo" and demo["reserved_for"].startswith("demo")
    refused = place.document("code", "blender", "-c", "1", code=3)
    assert refused["code"] == "no_instance", "no call lands there that does not name it"
    in_demo = ("code", "blender", "-i", "demo", "-c")
    assert place.document(*in_demo, "1")["value"] == 1
    # Nothing is left of the first time: one scene, and three lights and a camera beside the forms.
    assert place.document(*in_demo, "[scene.name for scene in bpy.data.scenes]")["value"] == ["Kapelle Demo"]
    (forms,) = [step for step in first[0].json["steps"] if step["title"] == "forms"]
    assert place.document(*in_demo, "len(bpy.context.scene.objects)")["value"] == forms["calls"] + 4
    assert demo["pid"] == first[0].json["instance"]["pid"], "the same instance"


@pytest.mark.one_blender
def test_a_seed_and_another_folder(place, first, tmp_path):
    told = place.document("demo", *FEW, "--seed", "11", "--out", tmp_path / "other")
    files = files_of(told)
    assert files["png"].startswith(str(tmp_path / "other"))
    one, other = picture_of(first[0].json), picture_of(told)
    assert (one.width, one.height) == (other.width, other.height)
    different = sum(a != b for a, b in zip(one.pixels(), other.pixels(), strict=True))
    assert different > one.width * one.height / 4


def test_it_finds_a_blender_by_itself(binary, tmp_path):
    """Without KAPELLE_BLENDER the one on PATH; a wheel is set up only where there is none."""
    terminal = Terminal(binary, tmp_path / "home")
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "blender").write_text("#!/bin/sh\necho 'this is no Blender'\nexit 9\n")
    (empty / "blender").chmod(0o755)
    terminal.environment["PATH"] = "%s:/usr/bin:/bin" % empty
    done = terminal.kapelle("start", "blender", "--json")
    terminal.kapelle("stop", "--hub")
    terminal.clear()
    assert done.code == 3 and "this is no Blender" in str(done.json["details"]), done
