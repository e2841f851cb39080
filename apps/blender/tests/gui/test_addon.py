# SPDX-License-Identifier: MIT OR Apache-2.0
"""The zip as an add-on, in 4.2 and newer as an extension: enabled, disabled, twice in one Blender, and in background."""

import json

import pytest
from bridgekit.tests.fake_hub import FakeHub
from installed import install, make_zip, run, told_by
from window import Quiet, Window

# What of ours is in the process: timers cannot be listed, so they are looked for among Python's objects.
LEFT = """
import bpy, gc, json, sys, threading, types
def left():
    handlers = [f for n in dir(bpy.app.handlers) for f in (getattr(bpy.app.handlers, n) if isinstance(getattr(bpy.app.handlers, n), list) else ())]
    draws = getattr(bpy.types.VIEW3D_HT_header.draw, "_draw_funcs", [])
    return {
        "modules": [n for n in sys.modules if n.startswith(ADDON + ".") or n.startswith("_kapelle")],
        "finders": [repr(f) for f in sys.meta_path if getattr(f, "offers_kapelle", False)],
        "threads": [t.name for t in threading.enumerate() if t.name.startswith("kapelle")],
        "handlers": [f.__module__ for f in handlers if getattr(f, "__module__", "").startswith(ADDON)],
        "classes": [n for n in dir(bpy.types) if n.upper().startswith("KAPELLE")],
        "operators": dir(bpy.ops.kapelle),
        "draws": [f.__module__ for f in draws if f.__module__.startswith(ADDON)],
        "timers": [repr(f) for f in gc.get_objects() if isinstance(f, (types.MethodType, types.FunctionType))
                   and (getattr(f, "__module__", "") or "").startswith(ADDON) and bpy.app.timers.is_registered(f)],
    }
"""
OFF_AND_LOOK = (
    LEFT
    + """
def off():
    bpy.ops.preferences.addon_disable(module=ADDON)
    bpy.app.timers.register(look, first_interval=0.05)

def look(rounds=[0]):
    rounds[0] += 1
    found = {name: each for name, each in left().items() if each}
    if found and rounds[0] < 400:
        return 0.05  # a thread that was told to end needs a moment
    with open(PATH, "w") as file:
        json.dump(found, file)
    bpy.ops.preferences.addon_enable(module=ADDON)

bpy.app.timers.register(off, first_interval=0.2)
"""
)
# Waits in background until `p`, the pump module, is connected.
CONNECTED = """
import json, time
end = time.monotonic() + 60
while p.running().link.status()["state"] != "connected" and time.monotonic() < end:
    time.sleep(0.02)
"""
# The add-on's preferences in place of the viewport.
PREFERENCES = """
import addon_utils
addon_utils.modules_refresh()
area = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda a: a.width * a.height)
area.ui_type = 'PREFERENCES'
bpy.context.preferences.active_section = 'ADDONS'
bpy.context.window_manager.addon_search = 'Kapelle'
with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area):
    bpy.ops.preferences.addon_expand(module=ADDON)
None
"""


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    return make_zip(tmp_path_factory.mktemp("zip"))


@pytest.fixture
def profile(tmp_path, program, zipped):
    """Settings in which the add-on is installed and enabled."""
    folder = tmp_path / "profile"
    folder.mkdir()
    install(program, folder, zipped)
    return folder


def test_enabled_it_connects_and_disabled_it_leaves_nothing(program, profile, addon, tmp_path):
    with Window(program, None, saved=profile) as window:
        assert window.announcement["mode"] == "gui"
        window.open_panel()
        window.run("object.create", kind="cube", name="Added")
        window.wait_shown("Connected as fake-1", "Added")
        window.run("file.new")
        assert window.eval("1+1") == 2, "it lives through opening files"
        # In 3.x the add-on's own package is called `kapelle`.
        assert window.eval("import kapelle\nkapelle.progress(0.5, 'half')\nkapelle.log('info', 'said')\n7") == 7
        window.eval("ADDON = %r\n" % addon + PREFERENCES)
        window.redraw()
        window.screenshot("preferences")
        look = tmp_path / "left.json"
        window.eval("PATH = %r\n" % str(look) + OFF_AND_LOOK + "\nNone")
        window.hub.wait("bye", 60)
        window.hub.wait_connections(2, 60)
        assert json.loads(look.read_text()) == {}
        assert window.eval("2+2") == 4, "enabled again it works"


def test_disabled_by_a_call_the_call_still_answers(program, profile, addon):
    with Window(program, None, saved=profile) as window:
        assert window.eval("import addon_utils; addon_utils.disable(%r); 'still here'" % addon) == "still here"
        window.hub.wait("bye", 60)


def test_reloading_scripts(program, profile):
    with Window(program, None, saved=profile) as window:
        window.eval("bpy.app.timers.register(lambda: bpy.ops.script.reload() and None); None")
        window.hub.wait_connections(2, 60)
        assert window.eval("3+3") == 6


def test_boot_and_add_on_in_one_blender(program, package, profile, addon):
    with Window(program, package, saved=profile) as window:
        window.eval("ADDON = %r\nimport %s.connection as a, %s.pump as p\nNone" % (addon, addon, addon))
        assert window.eval("a.elsewhere()") == str(package)
        assert window.eval("import kapelle\nkapelle.progress(0.5, 'half')\n7") == 7
        assert window.eval("p.mine() is None") is True
        assert "Another copy" in window.eval("a.connect()")
        window.eval(PREFERENCES)
        window.redraw()
        window.screenshot("two_copies")
        assert len(window.hub.announcements) == 1
        window.eval("import kapelle_blender; bpy.app.timers.register(kapelle_blender.unregister); None")
        window.hub.wait("bye", 60)
        window.hub.wait_connections(2, 60)
        assert window.eval("import %s.pump as p; p.mine() is not None" % addon) is True


def test_connect_at_start_off_and_the_two_buttons(program, tmp_path, zipped):
    folder = tmp_path / "quiet"
    folder.mkdir()
    install(program, folder, zipped, connect_at_start=False)
    hub = FakeHub(heartbeat_ms=200).listen()
    with Quiet(program, folder, hub) as window:
        window.open_panel()
        window.wait_shown("Not connected", "Connect")
        window.screenshot("not_connected")
        assert hub.announcements == []
        window.press("kapelle.connect")
        hub.wait_connections(1, 60)
        window.wait_shown("Connected as fake-1")
        window.press("kapelle.disconnect")
        hub.wait("bye", 60)
        window.wait_shown("Not connected")
        window.press("kapelle.connect")
        hub.wait_connections(2, 60)
        hub.send({"t": "stop"})
        window.wait_shown("Not connected", "asked this bridge", "Press Connect")
        window.screenshot("sent_away")
        window.press("kapelle.connect")
        hub.wait_connections(3, 60)
        window.wait_shown("Connected as fake-1")


def test_in_background_it_dials_only_when_asked(program, profile, addon):
    hub = FakeHub(heartbeat_ms=200).listen()
    try:
        pump = "import %s.pump as p\n" % addon
        run(program, profile, pump + "assert p.running() is None", hub.home)
        assert hub.announcements == []
        code = pump + CONNECTED + "print('TOLD', json.dumps(p.running().link.status()['instance']), flush=True)"
        assert told_by(run(program, profile, code, hub.home, KAPELLE_ADDON_DIAL="1")) == "fake-1"
        assert hub.wait_connections(1)["mode"] == "background"
    finally:
        hub.close()


def test_the_home_folder_of_the_preferences(program, tmp_path, zipped, addon):
    hub = FakeHub(heartbeat_ms=200).listen()
    folder = tmp_path / "home_told"
    folder.mkdir()
    install(program, folder, zipped, home=hub.home)
    try:
        code = "import %s.pump as p\n" % addon + CONNECTED
        code += "import os; print('TOLD', json.dumps(os.environ.get('KAPELLE_HOME')), flush=True)"
        assert told_by(run(program, folder, code, KAPELLE_ADDON_DIAL="1")) == hub.home
        hub.wait_connections(1)
    finally:
        hub.close()


def test_children_of_ours_do_not_connect(program, profile, addon):
    hub = FakeHub(heartbeat_ms=200).listen()
    try:
        code = "import sys; assert %r in sys.modules and %r not in sys.modules" % (addon, addon + ".pump")
        run(program, profile, code, hub.home, KAPELLE_CHILD="1", KAPELLE_ADDON_DIAL="1")
        assert hub.announcements == []
    finally:
        hub.close()
