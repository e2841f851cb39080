# SPDX-License-Identifier: MIT OR Apache-2.0
"""`kapelle adopt`: one Blender that runs three other add-ons is taken over by each one's door, and given back."""

import os
import sys
from pathlib import Path

import neighbours
import pytest
from bridgekit.tests.fake_hub import FakeHub
from installed import install
from instance import wait_until
from window import Quiet

sys.path.append(str(Path(__file__).resolve().parent.parent / "walk"))
from hubs import Hub
from programs import find_binary

HERE = Path(__file__).resolve().parent

START = """
import bpy, sys
bpy.context.scene.blendermcp_auto_start_server = False
import mcp_for_blender, bld_remote_mcp
sys.path.insert(0, {here!r})
import lab
bpy.types.blendermcp_server = mcp_for_blender.BlenderMCPServer(host="127.0.0.1", port={first})
bpy.types.blendermcp_server.start()
bld_remote_mcp.start_mcp_service()
lab.start({third})
"""
# In a moment of its own, not inside the call that asks for it.
GIVE_BACK = """
import sys
import bpy
ours = [one for name, one in sys.modules.items() if "." not in name and hasattr(one, "bl_info")
        and one.bl_info.get("name") == "Kapelle"]
bpy.app.timers.register(lambda: [one.unregister() for one in ours] and None, first_interval=0.1)
len(ours)
"""


@pytest.fixture
def hub(tmp_path):
    binary = find_binary()
    if isinstance(binary, str):
        pytest.fail(binary) if os.environ.get("CI") == "true" else pytest.skip(binary)
    with Hub(binary, tmp_path / "home") as made:
        yield made


@pytest.fixture
def profile(program, tmp_path):
    folder = tmp_path / "profile"
    folder.mkdir()
    try:
        neighbours.modules(folder)
        addons = [neighbours.addon(requirement, tmp_path) for requirement in neighbours.WHEELS]
    except OSError as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))
    for path, module in addons:
        install(program, folder, path, module)
    return folder


def run(hub, name, code):
    told = hub.document("code", "blender", "--instance", name, "-c", code)
    return told["value"]


def instances(hub):
    return [one["name"] for one in hub.http.request("GET", "/v1/instances").json["instances"]]


def test_by_each_door_and_given_back(program, profile, hub, tmp_path):
    doors = {"first": neighbours.free_port(), "second": neighbours.free_port(), "third": neighbours.free_port()}
    theirs = {
        "BLD_REMOTE_MCP_PORT": str(doors["second"]),
        "BLD_REMOTE_MCP_START_NOW": "false",
        "BLENDERMCP_NO_UPDATE_CHECK": "1",
    }
    nobody = FakeHub(heartbeat_ms=200).listen()
    start = START.format(here=str(HERE), **doors)
    with Quiet(program, profile, nobody, start, environment=theirs) as window:
        for port in doors.values():
            wait_until(lambda port=port: neighbours.listens(port), 120, "its listening:\n" + window.text())
        for name, port in doors.items():
            told = hub.document("adopt", str(port), "--name", name)
            assert (told["name"], told["started_by_hub"], told["mode"]) == (name, False, "gui"), told
            assert run(hub, name, "import bpy; len(bpy.data.objects)") == 3
            again = hub.document("adopt", str(port), code=3)
            assert "already" in again["message"], again
            assert run(hub, name, GIVE_BACK) == 1
            wait_until(lambda: not instances(hub), 60, "its leaving")
        told = neighbours.ask(doors["first"], {"type": "execute_code", "params": {"code": "print(6 * 7)"}})
        assert told["result"]["result"].strip() == "42", "the other add-ons go on working"
        assert window.process.poll() is None
    nobody.close()
