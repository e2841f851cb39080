# SPDX-License-Identifier: MIT OR Apache-2.0
"""The harness itself, and what a Blender with a window answers."""

import time

import pytest
from instance import wait_until
from shared import TOLD, Shared
from window import Window


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


LOOK = """
import bpy
pump = __import__("sys").modules["_kapelle_bridge_running"]
seen = []
def look():
    seen.append(pump._awake._timer is not None)
    return 0.002 if len(seen) < 2000 else None
bpy.app.timers.register(look)
"""


def test_the_main_loop_stays_awake_for_a_burst_and_no_longer(blender):
    """Blender's own loop would sleep for 5 ms between two ticks of it."""
    blender.run("code.run", code=LOOK)
    for one in [blender.send("code.run", {"code": "sum(range(20000))"}) for _ in range(60)]:
        blender.outcome(one)
    for _ in range(100):
        told = blender.run("code.run", code="[True in seen, seen[-1]]")
        if told == [True, False]:
            break
        time.sleep(0.05)  # ticks without a call come meanwhile
    assert told == [True, False]
    assert blender.run("code.run", code="bpy.app.timers.unregister(look)") is None


def test_it_stays_well_when_another_file_is_opened_in_a_burst(blender, tmp_path):
    path = str(tmp_path / "other.blend")
    blender.run("code.run", code="import bpy; bpy.ops.wm.save_as_mainfile(filepath=%r, copy=True)" % path)
    ids = [blender.send("code.run", {"code": "1 + 1"}) for _ in range(10)]
    ids.append(blender.send("code.run", {"code": "bpy.ops.wm.open_mainfile(filepath=%r)" % path}))
    ids += [blender.send("code.run", {"code": "1 + 1"}) for _ in range(10)]
    assert [blender.value(blender.outcome(one)) for one in ids].count(2) == 20


# Out of every call, where no watchdog sees it.
STAND_STILL = """
import os, threading
def stand_still():
    os.write(1, b"it stands\\n")
    threading.Event().wait()
bpy.app.timers.register(stand_still)
"""


def test_one_that_stands_still_is_told_of_and_replaced(program, package):
    before = len(TOLD)
    shared = Shared(lambda: Window(program, package))
    try:
        first = shared.fresh()
        assert shared.look() is None
        first.eval(STAND_STILL, args={"undo": "never"})
        wait_until(lambda: any("it stands" in line for line in first.output), 60)
        with pytest.raises(AssertionError) as raised:
            shared.fresh(seconds=2)
        assert "gave no default file within 2 s" in str(raised.value) and "in stand_still" in str(raised.value)
        assert first.process.poll() is not None
        second = shared.fresh()
        assert second.process.pid != first.process.pid and shared.look() is None
        second.process.kill()
        second.process.wait()
        assert "has died" in shared.look()
    finally:
        shared.close()
        del TOLD[before:]


def test_what_never_starts_is_tried_once():
    tried = []

    def start():
        tried.append(1)
        raise AssertionError("no Blender came")

    shared = Shared(start)
    for _ in range(2):
        with pytest.raises(AssertionError, match="no Blender came"):
            shared.fresh()
    assert len(tried) == 1
