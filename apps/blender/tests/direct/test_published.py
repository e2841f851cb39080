# SPDX-License-Identifier: MIT OR Apache-2.0
"""The published clients of other add-ons, as they are on PyPI, against the direct mode."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 180


def run(python, *words, **environment):
    told = dict(os.environ, DISABLE_TELEMETRY="true", **environment)
    ran = subprocess.run([python, *words], env=told, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_mcp_for_blender(listening, peers, tmp_path):
    code = "import bpy\nbpy.ops.mesh.primitive_torus_add()\nprint('torus made')"
    calls = ["get_scene_info", {}, "execute_blender_code", {"code": code}, "execute_blender_code", {"code": "1/0"}]
    words = [one if isinstance(one, str) else json.dumps(one) for one in calls]
    home = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    told = run(peers, str(HERE / "mcp_client.py"), str(listening.port), *words, **home)
    scene, made, failed = ("\n".join(one) for one in told["answers"])
    assert "Cube" in scene and "torus made" in made
    assert "ZeroDivisionError" in failed or "division by zero" in failed
    names = [one["name"] for one in listening.run("get_scene_info")["objects"]]
    assert "Torus" in names


REMOTE = """
import json, sys
from blender_remote.client import BlenderMCPClient
client = BlenderMCPClient(host="127.0.0.1", port=int(sys.argv[1]))
told = {"connected": client.test_connection(), "scene": client.get_scene_info(), "cube": client.get_object_info("Cube")}
told["printed"] = client.execute_python("import bpy\\nprint('größer', len(bpy.data.scenes))")
told["plain"] = client.execute_python("print('plain')", send_as_base64=False, return_as_base64=False)
try:
    client.execute_python("1/0")
except Exception as error:
    told["failed"] = str(error)
print(json.dumps(told))
"""


def test_blender_remote(listening, peers):
    told = run(peers, "-c", REMOTE, str(listening.port))
    assert told["connected"] is True and told["scene"]["name"] == "Scene"
    assert told["cube"]["mesh"]["vertices"] == 8
    assert told["printed"] == "größer 1\n" and told["plain"] == "plain\n"
    assert "division by zero" in told["failed"]
