# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an artist sees of Kapelle: the panel in the sidebar, as it was drawn, and pictures of it."""

import os

import pytest
from instance import wait_until

# Ends on a worker thread once its file is gone, so that Blender is free meanwhile.
SLOW = """
import os, time
from kapelle_blender.bridgekit.call import Deferred

def slow(call):
    call.progress(0.42, "sample 42 of 100")
    while os.path.exists({path!r}) and not call.cancelled:
        time.sleep(0.02)
    return "ended"

Deferred(slow)
"""
# Swallows every attempt to stop it until its file is gone; Blender draws in between, from inside the call.
STUBBORN = """
import os, time

def stubborn():
    while True:
        try:
            while os.path.exists({path!r}):
                bpy.ops.wm.redraw_timer(type='DRAW_WIN_SWAP', iterations=1)
                open({path!r} + '.begun', 'w').close()
            return
        except BaseException:
            pass

stubborn()
"""


@pytest.fixture
def panel(blender):
    blender.redraw()  # what the screen shows is of the file before
    blender.open_panel()
    return blender


@pytest.fixture
def mark(tmp_path):
    """A file; a call of the two above runs as long as it is there."""
    path = tmp_path / "mark"
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def test_connected(panel):
    panel.run("object.create", kind="cube", name="Box")
    panel.run("object.get", name="Box")
    panel.run("object.get", name="Box")
    shown = panel.wait_shown("Connected as fake-1", "object.create  Box", "object.get × 2")
    # A test before it may have asked as `watcher` in this window.
    assert {"Used by: tester", "Used by: tester, watcher"} & set(shown["lines"])
    panel.screenshot("connected")


def test_reverted_by_a_click(panel):
    panel.run("object.create", kind="cube", name="Gone")
    panel.wait_shown("object.create  Gone")
    wait_until(lambda: panel.shown()["buttons"].count("kapelle.revert_call") == 1, 60, "a button to revert")
    panel.screenshot("revert")
    panel.click(*panel.places.revert)
    panel.wait_shown("reverted")
    panel.screenshot("reverted")
    assert "Gone" not in panel.eval("[one.name for one in bpy.data.objects]")


def test_reverting_more_than_one_asks_first(panel):
    for name in ("Older", "Newer"):
        panel.run("object.create", kind="cube", name=name)
    panel.wait_shown("object.create  Older", "object.create  Newer")
    wait_until(lambda: panel.shown()["buttons"].count("kapelle.revert_call") == 2, 60, "two buttons to revert")
    panel.screenshot("before_question")
    x, y = panel.places.revert
    panel.click(x, y + panel.places.entry)
    wait_until(lambda: "object.create (tester)" in panel.shown()["question"], 60, "the question")
    panel.screenshot("question")
    panel.click(*panel.places.ok)
    wait_until(lambda: sum("reverted" in line for line in panel.shown()["lines"]) == 2, 60, "two reverted calls")
    names = panel.eval("[one.name for one in bpy.data.objects]")
    assert "Older" not in names and "Newer" not in names and "Cube" in names


def test_running_and_stopped_by_a_click(panel, mark):
    call = panel.send("code.run", {"code": SLOW.format(path=str(mark))}, owner="claude")
    shown = panel.wait_shown("running for", "42 %  sample 42 of 100")
    assert shown["header"] == "claude: code.run"
    first = [line for line in shown["lines"] if "running for" in line]
    wait_until(lambda: not set(first) & set(panel.shown()["lines"]), 60, "a new age")
    panel.screenshot("running")
    assert panel.eval("40 + 2") == 42, "Blender is free while it runs"
    panel.click(*panel.places.stop)
    outcome = panel.outcome(call)
    assert outcome["status"] == "cancelled"
    assert "Stopped in Blender's panel." in [one["text"] for one in outcome["output"]["logs"]]
    panel.wait_shown("No call is running", "stopped")


def test_wedged_while_it_is_and_after(panel, mark):
    call = panel.send("code.run", {"code": STUBBORN.format(path=str(mark))}, owner="claude")
    wait_until(lambda: os.path.exists(str(mark) + ".begun"), 60)
    panel.cancel(call)
    panel.wait_shown("Wedged")
    panel.screenshot("wedged")
    os.unlink(mark)
    assert panel.outcome(call)["status"] == "cancelled"
    panel.wait_shown("Wedged: Blender was", "stuck for", "No call is running")
    panel.screenshot("after_wedged")


def test_a_failure_says_why(panel):
    panel.code("bpy.data.objects['Nobody']")
    panel.wait_shown("failed", "KeyError")
    panel.screenshot("failed")


def test_disconnected_with_the_reason_and_back(panel):
    port, count = panel.hub.port, len(panel.hub.announcements)
    panel.hub.kill()
    panel.wait_shown("Looking for the hub", "Nothing is listening", "kapelle serve", "tries again")
    panel.screenshot("disconnected")
    os.unlink(os.path.join(panel.home, "run", "hub.json"))
    panel.wait_shown("No hub is running")
    panel.screenshot("no_hub")
    panel.hub.listen(port)
    panel.hub.wait_connections(count + 1, 60)
    panel.wait_shown("Connected as fake-1")


def test_refused(panel):
    count = len(panel.hub.announcements)
    panel.hub.refuse_with = {"code": "handshake_refused", "message": "no room for another instance", "retryable": True}
    panel.hub.hang_up()
    panel.wait_shown("The hub refused", "No room for")
    panel.screenshot("refused")
    panel.hub.refuse_with = None
    panel.hub.wait_connections(count + 1, 60)
    panel.wait_shown("Connected as fake-1")
