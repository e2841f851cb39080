# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode in real Blenders: what clients of other add-ons call, by hand."""

import json
import signal

import pytest
from listening import Listening, hear


def test_the_scene(listening):
    told = listening.run("get_scene_info")
    assert told["name"] == "Scene" and told["object_count"] == len(told["objects"]) >= 3
    cube = next(one for one in told["objects"] if one["name"] == "Cube")
    assert (cube["type"], cube["location"]) == ("MESH", [0.0, 0.0, 0.0])
    assert listening.run("get_state") == told


def test_an_object(listening):
    told = listening.run("get_object_info", name="Cube")
    assert told["mesh"] == {"vertices": 8, "edges": 12, "polygons": 6}
    assert told["world_bounding_box"] == [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
    refused = listening.ask({"type": "get_object_info", "params": {"name": "Nobody"}})
    assert refused["status"] == "error" and "Nobody" in refused["message"]


def test_code_and_what_it_changed(listening):
    code = "import bpy\nprint('made')\nbpy.ops.mesh.primitive_cube_add()\nbpy.context.object.name = 'Made'\n_result = 7"
    told = listening.ask({"type": "execute_code", "params": {"code": code}})
    assert told["result"]["result"] == "made\n" and told["result"]["value"] == 7
    assert told["metadata"]["objects_created"] == ["Made"] and told["metadata"]["scene_changes"] is True
    assert told["metadata"]["memory_usage"]["rss_mb"] > 50
    assert told["duration"] > 0


def test_an_object_is_made(listening):
    told = listening.ask({"action": "create_object", "params": {"type": "SPHERE", "name": "Ball"}, "id": "one"})
    assert (told["id"], told["success"], told["result"]["name"]) == ("one", True, "Ball")
    told = listening.ask({"action": "create_object", "params": {"type": "dragon"}, "id": "two"})
    assert (told["id"], told["success"]) == ("two", False) and "dragon" in told["error"]


@pytest.mark.parametrize(
    "params, type_",
    [
        ({"type": "CAMERA", "location": [1, 2, 3]}, "CAMERA"),
        ({"type": "LIGHT"}, "LIGHT"),
        ({"type": "SUN", "energy": 2}, "LIGHT"),
        ({"type": "CYLINDER", "radius": 2, "depth": 3, "vertices": 12}, "MESH"),
        ({"type": "TORUS", "major_radius": 2.0, "minor_radius": 0.5, "align": "WORLD", "mode": "MAJOR_MINOR"}, "MESH"),
    ],
)
def test_what_create_object_takes(listening, params, type_):
    told = listening.run("create_object", **params)
    made = listening.run("get_object_info", name=told["name"])
    assert made["type"] == type_
    if "radius" in params:
        assert [round(one, 3) for one in made["dimensions"]][::2] == [4.0, 3.0]


def test_what_create_object_refuses(listening):
    for params in ({"type": "TEAPOT"}, {"type": "CUBE", "colour": "red"}, {"type": "LIGHT", "light_type": "TORCH"}):
        told = listening.ask({"type": "create_object", "params": params})
        assert told["status"] == "error", told
    assert "teapot" in listening.ask({"type": "create_object", "params": {"type": "TEAPOT"}})["message"].lower()


def test_what_is_written_past_python(listening):
    code = (
        "import bpy, os, subprocess, threading\n"
        "print('python')\n"
        "subprocess.check_call(['echo', 'child'])\n"
        "one = threading.Thread(target=print, args=('thread',)); one.start(); one.join()\n"
        "bpy.ops.wm.memory_statistics()\n"
        "os.write(2, b'native\\n')"
    )
    told = listening.run("execute_code", code=code)
    assert told["output"]["stdout"].startswith("python\n")
    assert "child\n" in told["output"]["stdout"] and "thread\n" in told["output"]["stdout"]
    assert "memory" in told["output"]["stdout"].lower(), "Blender's own console"
    assert "native\n" in told["output"]["stderr"]
    assert listening.run("execute_code", code="print('next')")["output"] == {"stdout": "next\n", "stderr": ""}


def test_limits_and_recovery(listening):
    told = listening.ask({"type": "execute_code", "params": {"code": "x = bytearray(10**9)", "memory_mb": 100}})
    assert told["error_type"] == "MemoryError"
    code = "import bpy\nbpy.ops.mesh.primitive_cone_add()\nbpy.context.object.name = 'Gone'\n1/0"
    told = listening.ask({"type": "execute_code", "params": {"code": code, "on_error": "undo"}})
    assert told["error_type"] == "ZeroDivisionError"
    assert listening.run("execute_code", code="import bpy\n'Gone' in bpy.data.objects")["value"] is False


def test_blender_lab_s_dialect(listening):
    code = "import bpy\nresult = {'objects': 1}\nprint('hello')\nresult"
    told = listening.ask({"type": "execute", "code": code, "strict_json": True}, end=b"\0")
    assert told == {"status": "ok", "result": {"objects": 1}, "stdout": "hello\n", "stderr": ""}
    published = {"type": "execute", "code": "result = {'status': 'ok'}\nprint(3)", "strict_json": True}
    assert listening.ask(published, end=b"\0")["result"] == {"status": "ok"}
    before = {"type": "execute", "code": "result = {'n': 2}\n40 + 2", "strict_json": True}
    assert listening.ask(before, end=b"\0")["result"] == {"n": 2}


def test_numpy_arrays_come_whole(listening):
    told = listening.run("execute_code", code="import numpy\nnumpy.zeros((100000, 3), dtype='float32')")
    assert told["value"]["shape"] == [100000, 3] and "$base64" in told["value"]


def test_code_that_does_not_end_is_ended(listening):
    told = listening.ask({"type": "execute_code", "params": {"code": "while True: pass", "timeout": 0.5}})
    assert told["status"] == "timeout"
    assert listening.run("execute_code", code="1+1")["value"] == 2


def test_it_stays_when_code_wants_the_end(listening):
    told = listening.ask({"type": "execute_code", "params": {"code": "import sys; sys.exit(0)"}})
    assert told["status"] == "error" and "SystemExit" in told["message"]
    assert listening.run("ping")["message"] == "pong"


def test_a_screenshot_goes_where_the_client_says(listening, tmp_path):
    path = tmp_path / "view.png"
    told = listening.ask({"type": "get_viewport_screenshot", "params": {"filepath": str(path), "max_size": 320}})
    if told["status"] == "error":  # a machine without EGL
        assert "display" in told["message"].lower() or "EGL" in told["message"], told
        return
    assert told["result"]["width"] == 320 and path.read_bytes().startswith(b"\x89PNG")


def test_a_browser_s_post_runs_nothing(listening):
    body = json.dumps({"type": "execute_code", "params": {"code": "import bpy; bpy.data.scenes[0].name = 'Taken'"}})
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    with listening.connect() as one:
        one.sendall((head % len(body) + body + "\n" + body + "\n").encode("ascii"))
        try:
            assert one.recv(100) == b""
        except ConnectionError:
            pass
    assert listening.run("get_scene_info")["name"] == "Scene"


@pytest.fixture
def leaving(listening, tmp_path):
    """Another one, that a test may end. `leaving(**environment)`."""
    from assemble import assemble

    package = assemble(tmp_path / "bridge")
    made = []

    def make(**environment):
        made.append(Listening(listening.program, package, tmp_path, **environment))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_ends_that_there_are(leaving):
    first = leaving()
    assert first.run("server_shutdown")
    assert first.process.wait(30) == 0
    second = leaving(KAPELLE_DIRECT_EXIT="1")
    told = second.ask({"type": "execute_code", "params": {"code": "raise SystemExit(0)"}})
    assert "SystemExit" in told["message"], "the answer comes first"
    assert second.process.wait(30) == 0
    third = leaving()
    third.process.send_signal(signal.SIGTERM)
    assert third.process.wait(30) == 0


def test_a_client_that_leaves_in_a_call_harms_nobody(listening):
    with listening.connect() as one:
        one.sendall(b'{"type": "execute_code", "params": {"code": "import bpy\\nfor n in range(10**6): pass\\n1"}}')
    assert listening.run("execute_code", code="2")["value"] == 2
    with listening.connect() as one:
        one.sendall(b'{"type": "pi')
        one.sendall(b'ng"}')
        assert hear(one)["result"]["message"] == "pong"
