# SPDX-License-Identifier: MIT OR Apache-2.0
"""`kapelle install blender`: the add-on in a real Blender, switched on, seen by the hub, and taken out again.

All of it in a home folder of the test's own: no Blender of this user is touched.
"""

import hashlib
import json
import os
import subprocess
import zipfile

import pytest
from hubs import Hub, wait_until

# What Blender calls the add-on, as an add-on and as an extension.
MODULES = ("kapelle", "bl_ext.user_default.kapelle")


@pytest.fixture
def own(binary, tmp_path):
    """A hub, and a user who has never started Blender."""
    user = tmp_path / "user"
    user.mkdir()
    environment = {"HOME": str(user), "XDG_CONFIG_HOME": str(user / ".config")}
    for name in list(os.environ):
        if name.startswith("BLENDER_"):
            environment[name] = ""
    with Hub(binary, tmp_path / "home", environment) as made:
        made.user = user
        yield made


def addon_of(program, hub):
    """Where it must lie."""
    places = "extensions/user_default/kapelle" if program.has_extensions else "scripts/addons/kapelle"
    found = list((hub.user / ".config/blender").glob("*/" + places))
    assert len(found) <= 1, found
    return found[0] if found else None


@pytest.mark.every_blender
def test_it_is_installed_switched_on_seen_and_taken_out(own, program):
    told = own.document("install", "blender", "--blender", program.path)["installed"]
    assert len(told) == 1, told
    (one,) = told
    assert one["seen"]["bridge_version"] and one["blender"].startswith(one["seen"]["version"]), one
    assert one["module"] == MODULES[program.has_extensions]
    folder = addon_of(program, own)
    assert one["path"] == str(folder)
    assert (folder / "bridgekit" / "link.py").is_file() and (folder / "blender_manifest.toml").is_file()
    # The one that was let connect has said goodbye and left.
    wait_until(lambda: own.http.get("/v1/instances") == {"instances": []}, what="its leaving")
    wait_until(lambda: not [pid for pid in own.leftovers() if pid != own.process.pid], what="the end of its process")

    checks = own.document("doctor")["checks"]
    (addon,) = [check for check in checks if check["name"] == "add-on"]
    assert addon["status"] == "ok" and str(folder) in addon["says"], addon

    # A second time over the first, without a look; then one of another build is told of.
    again = own.document("install", "blender", "--blender", program.path, "--no-verify")["installed"]
    assert "seen" not in again[0] and "problem" not in again[0], again
    (folder / "bridgekit" / "__init__.py").write_text('VERSION = "0.0.1"\n')
    (addon,) = [check for check in own.document("doctor")["checks"] if check["name"] == "add-on"]
    assert addon["status"] == "warn" and "0.0.1" in addon["says"], addon
    assert addon["fix"] == "kapelle install blender"

    gone = own.document("uninstall", "blender", "--blender", program.path)["uninstalled"]
    assert gone[0]["removed"] is True, gone
    assert addon_of(program, own) is None
    gone = own.document("uninstall", "blender", "--blender", program.path)["uninstalled"]
    assert gone[0]["removed"] is False, gone


def test_the_preferences_of_the_user_stay(own, program):
    """A real Blender keeps what is set; a wheel starts with factory settings and must save nothing."""
    if program.is_module:
        own.document("install", "blender", "--blender", program.path, "--no-verify")
        assert not list(own.user.rglob("userpref.blend"))
        return
    look = "import bpy; print('ANGLE', bpy.context.preferences.view.ui_scale)"
    change = "import bpy; bpy.context.preferences.view.ui_scale = 1.25; bpy.ops.wm.save_userpref()"
    environment = dict(own.environment, PATH="/usr/local/bin:/usr/bin:/bin")

    def blender(expression):
        words = [program.path, "--background", "--python-expr", expression]
        return subprocess.run(words, env=environment, capture_output=True, timeout=120, check=True).stdout

    blender(change)
    own.document("install", "blender", "--blender", program.path, "--no-verify")
    assert b"ANGLE 1.25" in blender(look)
    enabled = blender("import bpy; print('ON', %r in bpy.context.preferences.addons)" % MODULES[program.has_extensions])
    assert b"ON True" in enabled


@pytest.mark.one_blender
def test_the_file_alone(own, program, tmp_path):
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    told = own.document("install", "blender", "--zip", one)
    assert told["bytes"] == one.stat().st_size and told["path"] == str(one)
    own.document("install", "blender", "--zip", two)
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()
    with zipfile.ZipFile(one) as zipped:
        assert zipped.testzip() is None
        names = zipped.namelist()
        assert all(name.startswith("kapelle/") for name in names)
        assert names == sorted(names) and "kapelle/blender_manifest.toml" in names
        for name in names:
            if name.endswith(".py"):
                compile(zipped.read(name), name, "exec")


@pytest.mark.one_blender
def test_what_does_not_work_says_what_blender_said(own, program, tmp_path):
    broken = tmp_path / "blender"
    broken.write_text("#!/bin/sh\necho the disk is made of cheese >&2\nexit 9\n")
    broken.chmod(0o755)
    done = own.kapelle("install", "blender", "--blender", broken, "--json")
    assert done.code == 1, done
    problem = json.loads(done.out)["installed"][0]["problem"]
    assert problem["code"] == "call_failed" and "made of cheese" in problem["details"]["output"], problem
    assert "--zip" in problem["hint"]
    nothing = own.kapelle("install", "blender", "--blender", tmp_path / "no-such")
    assert nothing.code == 1 and "no-such" in nothing.err, nothing
