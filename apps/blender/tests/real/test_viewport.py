# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures of views: they show what is there, and nothing of the open file changes."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "walk"))

from pictures import decode

SMALL = {"width": 96, "height": 72}
LOOK = """
v = bpy.context.view_layer
[len(bpy.data.objects), len(bpy.data.scenes), len(bpy.data.cameras), sorted(bpy.data.images.keys()), v.objects.active.name,
 [o.name for o in v.objects.selected], bpy.context.scene.render.engine, bpy.context.scene.camera.name,
 [(s.name, a.spaces.active.shading.type, a.spaces.active.overlay.show_overlays, a.spaces.active.shading.light)
  for s in bpy.data.screens for a in s.areas if a.type == 'VIEW_3D']]
"""


def picture(blender, command, **args):
    """(decoded picture, value) of a call whose bytes and file are the same."""
    told = blender.run(command, **args)
    data = bytes(blender.hub.blobs[told["image"]["$blob"]][: told["image"]["bytes"]])
    with open(told["path"], "rb") as file:
        assert file.read() == data
    made = decode(data)
    assert (made.width, made.height) == (told["image"]["width"], told["image"]["height"])
    assert told["image"]["media_type"] == "image/png"
    return made, told


def pixel(made, x, y):
    """Of a place from 0 to 1, from the top left."""
    row = made.rows[min(made.height - 1, int(y * made.height))]
    at = min(made.width - 1, int(x * made.width)) * 3
    return tuple(row[at : at + 3])


def reds(made):
    """The part of the picture that is red."""
    found = sum(1 for red, green, blue in made.pixels() if red > 60 and red > 1.5 * green and red > 1.5 * blue)
    return found / (made.width * made.height)


def box(blender, name, colour, location):
    blender.run("object.create", kind="cube", name=name, size=1.0, location=location)
    blender.run("material.create", name=name, object=name, base_color=colour)
    blender.eval("bpy.data.materials[%r].diffuse_color = %r" % (name, (*colour, 1.0)))


def test_a_screenshot_shows_what_is_there_and_changes_nothing(blender):
    box(blender, "Red", (1, 0, 0), [3, 0, 0])
    before, revision = blender.eval(LOOK), blender.run("state.changes", since=0)["revision"]
    outcome = blender.call("viewport.screenshot", {"view": "front", **SMALL})
    assert outcome["status"] == "succeeded" and not any(outcome["changes"].values())
    made, told = picture(blender, "viewport.screenshot", view="front", **SMALL)
    assert (told["view"], told["shading"], told["engine"]) == ("front", "solid", "workbench")
    assert 0.02 < reds(made) < 0.2
    assert pixel(made, 0.85, 0.5)[0] > 1.5 * pixel(made, 0.85, 0.5)[1], "the red one stands on the right"
    made, _told = picture(blender, "viewport.screenshot", view="back", **SMALL)
    assert pixel(made, 0.15, 0.5)[0] > 1.5 * pixel(made, 0.15, 0.5)[1], "and from behind on the left"
    assert blender.eval(LOOK) == before
    assert blender.run("state.changes", since=0)["revision"] == revision, "no new revision"


def test_all_views_shapes_and_framing(blender):
    box(blender, "Red", (1, 0, 0), [3, 0, 0])
    for view in ("persp", "front", "back", "left", "right", "top", "bottom"):
        made, _told = picture(blender, "viewport.screenshot", view=view, **SMALL)
        assert made.shades() > 3, view
    near, _told = picture(blender, "viewport.screenshot", objects=["Red"], **SMALL)
    far, _told = picture(blender, "viewport.screenshot", **SMALL)
    assert reds(near) > 0.25 > reds(far) > 0.0
    turned, _told = picture(blender, "viewport.screenshot", azimuth=90, elevation=0, objects=["Red"], **SMALL)
    assert reds(turned) > 0.25
    made, told = picture(blender, "viewport.screenshot", view="camera", width=96)
    assert made.height == 54 and made.shades() > 3, "as the camera's picture is shaped"
    assert blender.problem("viewport.screenshot", {"objects": ["Rad"]})["code"] == "not_found"
    blender.eval("bpy.data.objects['Red'].hide_viewport = True")
    assert "hidden" in blender.problem("viewport.screenshot", {"objects": ["Red"]})["hint"]
    blender.run("camera.set", name="Camera", active=False)
    assert "camera.create" in blender.problem("viewport.screenshot", {"view": "camera"})["hint"]


def test_empty_tiny_and_huge_scenes_are_framed(blender):
    blender.eval("[bpy.data.objects.remove(o) for o in [*bpy.data.objects]]; 0")
    picture(blender, "viewport.screenshot", **SMALL)
    for size in (0.001, 5000.0):
        blender.run("object.create", kind="monkey", size=size, name="It")
        for view in ("front", "persp"):
            made, _told = picture(blender, "viewport.screenshot", view=view, **SMALL)
            assert pixel(made, 0.5, 0.5) != pixel(made, 0.02, 0.02), (size, view)
        blender.run("object.delete", name="It")


def test_wireframe_overlays_and_what_needs_a_card(blender):
    solid, _told = picture(blender, "viewport.screenshot", view="front", objects=["Cube"], **SMALL)
    wire, _told = picture(blender, "viewport.screenshot", view="front", objects=["Cube"], shading="wireframe", **SMALL)
    assert pixel(solid, 0.4, 0.45)[1] > pixel(solid, 0.02, 0.02)[1] + 40, "a face"
    assert abs(pixel(wire, 0.4, 0.45)[1] - pixel(wire, 0.02, 0.02)[1]) < 20, "no face"
    plain, _told = picture(blender, "viewport.screenshot", view="top", **SMALL)
    over, _told = picture(blender, "viewport.screenshot", view="top", overlays=True, **SMALL)
    assert over.rows != plain.rows
    outcome = blender.call("viewport.screenshot", dict(SMALL, shading="material"))
    if outcome["status"] == "failed":
        assert outcome["problem"]["code"] == "not_supported" and "rendered" in outcome["problem"]["hint"]
    else:
        assert outcome["value"]["engine"] == "eevee"
    assert "persp" in blender.problem("viewport.screenshot", {"view": "current"})["hint"]


def test_rendered_by_cycles_in_a_child(blender):
    box(blender, "Red", (1, 0, 0), [3, 0, 0])
    blender.eval(
        "bpy.data.worlds[0].use_nodes = True; bpy.data.worlds[0].node_tree.nodes['Background'].inputs[1].default_value = 20; 0"
    )
    before = blender.eval(LOOK)
    made, told = picture(blender, "viewport.screenshot", view="front", shading="rendered", samples=2, **SMALL)
    assert (told["engine"], told["samples"], told["shading"]) == ("cycles", 2, "rendered")
    assert reds(made) > 0.01 and pixel(made, 0.85, 0.5)[0] > 1.2 * pixel(made, 0.85, 0.5)[1]
    sheet, told = picture(
        blender, "viewport.sheet", views=["front", "camera"], shading="rendered", samples=1, columns=2, **SMALL
    )
    assert told["views"] == ["front", "camera"] and told["engine"] == "cycles" and sheet.width > 190
    assert blender.eval(LOOK) == before


def test_a_sheet_has_all_views_with_their_names(blender):
    box(blender, "Red", (1, 0, 0), [3, 0, 0])
    made, told = picture(blender, "viewport.sheet", views=["front", "turntable"], turntable=3, **SMALL)
    assert told["views"] == ["front", "turn 0", "turn 120", "turn 240"] and told["columns"] == 2
    assert (made.width, made.height) == (2 * 96 + 12, 2 * 72 + 12)
    assert (255, 255, 255) in set(made.pixels()), "letters"
    bare, _told = picture(blender, "viewport.sheet", views=["top"], labels=False, **SMALL)
    assert (255, 255, 255) not in set(bare.pixels())
    told = blender.problem("viewport.sheet", {"views": ["frnt"]})
    assert told["code"] == "arguments_invalid" and "front" in told["hint"]
    assert blender.problem("viewport.sheet", {"views": []})["code"] == "arguments_invalid"
    told = blender.problem("viewport.sheet", {"views": ["turntable"], "turntable": 24, "width": 2048, "height": 2048})
    assert "pixels" in told["message"]


def test_it_leaves_the_history_alone(blender):
    blender.run("object.create", kind="cube", name="Mine")
    picture(blender, "viewport.screenshot", **SMALL)
    blender.eval("bpy.ops.ed.undo()", args={"undo": "never"})
    assert "Mine" not in blender.eval("bpy.data.objects.keys()"), "the last step is still the call before"


def test_the_folder_of_pictures_is_bounded(blender):
    folder = os.path.join(blender.home, "screenshots")
    os.makedirs(folder, exist_ok=True)
    for number in range(230):
        Path(folder, "20000101T000000%03d-old.png" % number).write_bytes(b"x")
    _made, told = picture(blender, "viewport.screenshot", **SMALL)
    assert len(os.listdir(folder)) == 200 and os.path.basename(told["path"]) in os.listdir(folder)


def test_a_caller_who_may_only_read_may_look(blender):
    outcome = blender.call("viewport.screenshot", SMALL, scopes=("read",))
    assert outcome["status"] == "succeeded", outcome


def test_without_a_way_to_draw_it_says_so_and_lives(program, package):
    from instance import Instance

    with Instance(program, package, environment={"__EGL_VENDOR_LIBRARY_FILENAMES": "/dev/null", "DISPLAY": ""}) as mine:
        told = mine.problem("viewport.screenshot", SMALL)
        assert told["code"] == "not_supported" and "rendered" in told["hint"], told
        assert mine.problem("viewport.sheet", {})["code"] == "not_supported"
        assert mine.eval("1+1") == 2, "Blender is alive"
        assert mine.run("viewport.screenshot", shading="rendered", samples=1, **SMALL)["engine"] == "cycles"


@pytest.mark.parametrize("width", [16, 17, 333])
def test_odd_sizes(blender, width):
    made, _told = picture(blender, "viewport.screenshot", width=width, height=16)
    assert (made.width, made.height) == (width, 16)
