# SPDX-License-Identifier: MIT OR Apache-2.0
"""A small piece of work as a user does it: build, save, export, import, open again. Over HTTP and at the terminal."""

import json
import os

import pytest
from hubs import wait_until


@pytest.mark.every_blender
def test_build_save_and_open_again(stage, http):
    http.run("file.new", empty=True)
    http.run("object.create", kind="cube", name="Body", location=[0, 0, 1], size=1.0)
    http.run("object.create", kind="sphere", name="Head", location=[0, 0, 2], parent="Body")
    red = http.run("material.create", name="Red", base_color=[1, 0, 0], object="Body")
    assert red["base_color"][:3] == pytest.approx([1, 0, 0])
    http.run("light.create", kind="sun", name="Sun")
    http.run("camera.create", name="Eye", location=[5, -5, 3], look_at="Body")
    http.run("scene.set", fps=25, frame_end=50, width=320, height=200)
    path = str(stage.home / "work" / "figure.blend")
    saved = http.run("file.save", path=path, overwrite=True)
    assert saved["path"] == path == saved["file"] and saved["bytes"] == os.path.getsize(path)
    wait_until(lambda: http.instance("blender")["file"] == path, 5, "the news of the file")
    http.run("file.new", empty=True)
    assert http.run("object.list")["total"] == 0
    opened = http.run("file.open", path=path)
    assert opened["file"] == path and opened["scene"]["camera"] == "Eye"
    names = {one["name"] for one in http.run("object.list")["objects"]}
    assert names == {"Body", "Head", "Sun", "Eye"}
    body = http.run("object.get", name="Body")
    assert body["materials"] == ["Red"] and body["children"] == ["Head"] and body["location"] == [0, 0, 1]
    scene = http.run("scene.get")
    assert (scene["fps"], scene["frame_end"], scene["width"], scene["height"]) == (25, 50, 320, 200)


@pytest.mark.every_blender
def test_every_format_that_this_blender_has_goes_out_and_in(stage, http):
    formats = http.run("file.formats")["formats"]
    usable = [one for one in formats if one["export"]]
    assert {"blend", "obj"} <= {one["format"] for one in usable}, formats
    for one in usable:
        http.run("file.new", empty=True)
        http.run("object.create", kind="cube", name="Crate", size=2.0)
        http.run("object.create", kind="cube", name="Other", location=[5, 0, 0])
        path = str(stage.home / "work" / ("thing-" + one["format"])) + one["suffixes"][0]
        told = http.run("file.export", path=path, objects=["Crate"], overwrite=True)
        assert told["path"] == path and told["bytes"] == os.path.getsize(path) > 100, told
        again = http.call("file.export", {"path": path})
        assert again["problem"]["code"] == "file_exists"
        assert http.run("object.list")["total"] == 2, "an export changes nothing"
        if not one["import"]:
            continue
        http.run("file.new", empty=True)
        told = http.run("file.import", path=path)
        meshes = [thing for thing in told["objects"] if thing["type"] == "MESH"]
        assert len(meshes) == 1, (one["format"], told)
        assert sorted(meshes[0]["dimensions"]) == pytest.approx([2, 2, 2], abs=0.01), (one["format"], meshes)


def test_what_a_blender_cannot_do_is_said(stage, http):
    formats = {one["format"]: one for one in http.run("file.formats")["formats"]}
    for name, one in formats.items():
        if not one["export"]:
            outcome = http.call("file.export", {"path": str(stage.home / ("x" + one["suffixes"][0])), "format": name})
            assert outcome["status"] == "failed" and outcome["problem"]["code"] == "not_supported", outcome
            assert outcome["problem"]["message"]
    outcome = http.call("file.export", {"path": str(stage.home / "x.unknown")})
    assert outcome["status"] == "failed" and outcome["problem"]["hint"], outcome


def test_a_file_that_is_none_is_refused_and_the_open_one_stays(stage, http):
    http.run("object.create", kind="cube", name="Stays")
    broken = stage.home / "broken.blend"
    broken.write_bytes(b"no blend file at all" * 50)
    outcome = http.call("file.open", {"path": str(broken)})
    assert outcome["status"] == "failed" and outcome["problem"]["message"], outcome
    missing = http.call("file.open", {"path": str(stage.home / "brokn.blend")})
    assert missing["problem"]["code"] == "file_not_found" and "broken.blend" in missing["problem"]["hint"]
    assert http.run("object.get", name="Stays")["name"] == "Stays"


def test_the_same_at_the_terminal(stage, http, tmp_path):
    run = lambda *words, **more: stage.document("run", "blender", *words, **more)  # noqa: E731
    made = run("object.create", "kind=cube", "name=Box", "location=0,0,1", "size=0.5")
    assert made["value"]["name"] == "Box" and made["value"]["location"] == [0, 0, 1]
    run("object.transform", "name=Box", "rotation=[0, 0, 90]", "--args", '{"scale": [2, 1, 1]}')
    told = run("object.get", "name=Box")["value"]
    assert told["scale"] == [2, 1, 1] and told["rotation"] == pytest.approx([0, 0, 90], abs=0.001)
    # A path counts from the folder in which the user is.
    run("file.save", "path=here.blend", cwd=str(tmp_path))
    assert (tmp_path / "here.blend").exists()
    (tmp_path / "arguments.json").write_text(json.dumps({"kind": "cone", "name": "From a file"}))
    run("object.create", "--args", "@arguments.json", cwd=str(tmp_path))
    wrong = run("object.create", "kind=cub", code=2)
    assert wrong["code"] == "arguments_invalid" and "cube" in wrong["hint"] + wrong["message"]
    wrong = run("object.create", "knd=cube", code=2)
    assert "kind" in wrong["hint"]
    wrong = run("object.creat", "kind=cube", code=2)
    assert wrong["code"] == "command_unknown" and "object.create" in wrong["hint"]
    failed = run("object.get", "name=Nobody", code=1)
    assert failed["status"] == "failed" and failed["problem"]["code"] == "not_found"
    checked = run("object.create", "kind=cube", "--check")
    assert checked["checked"] is True
