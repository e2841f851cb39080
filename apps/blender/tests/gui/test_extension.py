# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same zip as an extension of 4.2 and newer, in the wheels (no window): installed, enabled, dialling, disabled.

KAPELLE_TEST_BPY45, KAPELLE_TEST_BPY52: a Python with that wheel, as in real/.
"""

import os
import shutil
import subprocess

import pytest
from bridgekit.tests.fake_hub import FakeHub
from installed import environment, make_zip, told_by

RUN_S = 200
CODE = """
import bpy, json, os, sys, time
bpy.ops.extensions.package_install_files(filepath=%(zip)r, repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.kapelle"
assert name in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
kept = bpy.context.preferences.addons[name].preferences
told = {"online": bpy.app.online_access, "tick_ms": kept.tick_ms, "start": kept.connect_at_start}
pump = sys.modules[name + ".pump"]
running = pump.running()
told["dials"] = running is not None
if running is not None:
    end = time.monotonic() + 60
    while running.link.status()["state"] != "connected" and time.monotonic() < end:
        time.sleep(0.02)
    told["status"] = running.link.status()
bpy.ops.preferences.addon_disable(module=name)
told["left"] = [one for one in sys.modules if one.startswith((name + ".", "_kapelle"))]
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)
"""


@pytest.fixture(params=["bpy45", "bpy52"])
def python(request):
    variable = "KAPELLE_TEST_" + request.param.upper()
    path = os.environ.get(variable)
    if path and shutil.which(path):
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(variable + " names no Python")
    pytest.skip(variable + " names no Python")


def install(python, profile, zipped, home, **more):
    told = subprocess.run(
        [python, "-c", CODE % {"zip": str(zipped)}],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=environment(profile, home, **more),
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Traceback" not in told.stderr, told.stderr
    return told_by(told.stdout)


def test_it_installs_and_dials_only_when_asked(python, tmp_path):
    hub = FakeHub(heartbeat_ms=200).listen()
    try:
        zipped = make_zip(tmp_path)
        told = install(python, tmp_path / "quiet", zipped, hub.home)
        assert told == {"online": False, "tick_ms": 4.0, "start": True, "dials": False, "left": []}
        assert hub.announcements == []
        told = install(python, tmp_path / "dials", zipped, hub.home, KAPELLE_ADDON_DIAL="1")
        assert told["status"]["instance"] == "fake-1", told
        assert told["left"] == []
        hub.wait("bye", 20)
    finally:
        hub.close()
