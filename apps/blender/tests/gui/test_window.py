# SPDX-License-Identifier: MIT OR Apache-2.0
"""The harness itself, and what a Blender with a window answers."""


def test_it_announces_a_window_and_answers(blender):
    assert blender.announcement["mode"] == "gui"
    assert blender.run("object.create", kind="cube", name="Seen")["name"] == "Seen"
    blender.redraw()
    width, height, pixels = blender.display.pixels()
    assert len({pixels[at : at + 3] for at in range(0, len(pixels), 3)}) > 50, "the screen shows nothing"
    assert blender.screenshot("window").stat().st_size > 10_000


def test_a_burst_is_answered(blender):
    ids = [blender.send("code.run", {"code": "%d + 1" % number}) for number in range(40)]
    assert [blender.value(blender.outcome(one)) for one in ids] == list(range(1, 41))
