# SPDX-License-Identifier: MIT OR Apache-2.0
"""Kapelle beside the other add-ons of its field, in one Blender: each does its work and none breaks another."""

import os

import neighbours
import pytest
from installed import install, make_zip
from instance import wait_until
from window import Window

START = """
import bpy
bpy.context.scene.blendermcp_auto_start_server = False
bpy.types.blendermcp_server = None
import mcp_for_blender, bld_remote_mcp
server = mcp_for_blender.BlenderMCPServer(host="127.0.0.1", port={first})
server.start()
bld_remote_mcp.start_mcp_service()
KEPT = (server, bld_remote_mcp)
server.running
"""
MAKE = "import bpy; bpy.data.scenes[0].collection.objects.link(bpy.data.objects.new('%s', None))"
STOP = "KEPT[0].stop(); KEPT[1].cleanup_server(); None"


@pytest.fixture
def profile(tmp_path):
    folder = tmp_path / "profile"
    folder.mkdir()
    return folder


@pytest.fixture
def addons(tmp_path, profile):
    try:
        neighbours.modules(profile)
        return [neighbours.addon(requirement, tmp_path) for requirement in neighbours.WHEELS]
    except OSError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def test_all_three_work_in_one_blender(program, tmp_path, profile, addons):
    install(program, profile, make_zip(tmp_path))
    for path, module in addons:
        install(program, profile, path, module)
    first, second = neighbours.free_port(), neighbours.free_port()
    theirs = {
        "BLD_REMOTE_MCP_PORT": str(second),
        "BLD_REMOTE_MCP_START_NOW": "false",
        "BLENDERMCP_NO_UPDATE_CHECK": "1",
    }
    with Window(program, None, saved=profile, environment=theirs) as window:
        consent = "bpy.context.preferences.addons['mcp_for_blender'].preferences.telemetry_consent"
        assert window.eval(consent) is False, "their telemetry is off"
        assert window.eval(START.format(first=first)) is True
        wait_until(lambda: neighbours.listens(first) and neighbours.listens(second), 60, "their listening")
        for turn in range(5):
            call = window.send("code.run", {"code": MAKE % ("Ours%d" % turn)})
            told = neighbours.ask(first, {"type": "execute_code", "params": {"code": MAKE % ("First%d" % turn)}})
            assert told["status"] == "success", told
            told = neighbours.ask(second, {"type": "execute_code", "params": {"code": MAKE % ("Second%d" % turn)}})
            assert told["status"] == "success", told
            assert window.outcome(call)["status"] == "succeeded"
        made = {one["name"] for one in window.run("object.list")["objects"]}
        assert {"%s%d" % (who, turn) for who in ("Ours", "First", "Second") for turn in range(5)} <= made
        window.redraw()
        window.screenshot("beside_others")
        window.eval(STOP)
        assert window.eval("1+1") == 2, "and it stays when they go"
