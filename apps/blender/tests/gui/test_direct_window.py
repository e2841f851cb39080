# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode in a Blender with a window: by the environment and by the preferences, beside a hub."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import neighbours
import pytest
from bridgekit.tests.fake_hub import FakeHub
from display import Display
from installed import install, make_zip
from instance import wait_until
from window import Quiet, Window, profile_environment

sys.path.append(str(Path(__file__).resolve().parent.parent / "walk"))
from hubs import Hub
from pictures import decode
from programs import find_binary

DIRECT = Path(__file__).resolve().parent.parent / "direct"
GREETING = re.compile(r"is listening on 127\.0\.0\.1:(\d+)")


@pytest.fixture
def hub():
    one = FakeHub(heartbeat_ms=200).listen()
    yield one
    one.close()


def listening(window):
    wait_until(lambda: GREETING.search(window.text()), 120, "its listening:\n" + window.text())
    return int(GREETING.search(window.text()).group(1))


def run(port, command, **params):
    told = neighbours.ask(port, {"type": command, "params": params})
    assert told["status"] == "success", told
    return told["result"]


def looked(port, folder):
    """mcp-for-blender's own server, as it is on PyPI, looks at the scene: its code runs here, and the picture comes."""
    python = os.environ.get("KAPELLE_TEST_PEERS")
    if not python:
        pytest.fail("set KAPELLE_TEST_PEERS") if os.environ.get("CI") == "true" else pytest.skip("no published clients")
    home = dict(os.environ, XDG_CONFIG_HOME=str(folder), XDG_DATA_HOME=str(folder), DISABLE_TELEMETRY="true")
    command = [python, str(DIRECT / "mcp_client.py"), str(port), "look", "{}", "look", '{"mode": "camera"}']
    ran = subprocess.run(command, env=home, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for answer in json.loads(ran.stdout.splitlines()[-1])["answers"]:
        images = [part.partition(";")[2] for part in answer if part.startswith("image/png;")]
        assert len(images) == 1, [part[:400] for part in answer]
        assert decode(base64.b64decode(images[0])).shades() > 20


def test_by_the_environment_it_listens_and_a_hub_hears_of_it(program, package, hub, tmp_path):
    told = {"KAPELLE_DIRECT": "0"}
    with Quiet(program, tmp_path, hub, package=package, environment=told) as window:
        port = listening(window)
        window.open_panel()
        window.wait_shown("Direct mode on port %d" % port, "Connected as fake-1")
        assert run(port, "execute_code", code="print(6 * 7)")["result"].strip() == "42"
        assert run(port, "get_scene_info")["object_count"] == 3
        path = tmp_path / "seen.png"
        assert run(port, "get_viewport_screenshot", filepath=str(path), max_size=400)["filepath"] == str(path)
        assert decode(path.read_bytes()).shades() > 20
        looked(port, tmp_path)
        window.wait_shown("code.run  print(6 * 7)", "direct-")
        window.screenshot("direct_mode")
        assert hub.wait("direct", command="code.run")["client"].startswith("direct-")
        run(port, "server_shutdown")
        assert window.process.wait(60) == 0, window.text()


def test_by_the_preferences_it_listens_beside_the_hub(program, addon, hub, tmp_path):
    profile = tmp_path / "profile"
    profile.mkdir()
    port = neighbours.free_port()
    install(program, profile, make_zip(tmp_path), direct=True, direct_port=port)
    with Window(program, None, saved=profile) as window:
        assert run(port, "execute_code", code="print('both')")["result"].strip() == "both"
        told = window.hub.wait("direct", command="code.run")
        assert told["client"].startswith("direct-") and told["output"]["stdout"] == "both\n", told
        assert window.eval("1+1") == 2
        window.open_panel()
        window.wait_shown("Connected as fake-1", "Direct mode on port %d" % port)
        run(port, "server_shutdown")
        window.wait_shown("Connected as fake-1", "Direct mode ended")
        wait_until(lambda: not neighbours.listens(port), 60, "the end of its listening")
        assert window.eval("2+2") == 4, "an artist's Blender stays"
        kept = "bpy.context.preferences.addons[%r].preferences" % addon
        window.eval(kept + ".direct_port = %d; None" % hub.port)
        window.wait_shown("Direct mode cannot")
        window.screenshot("direct_mode_taken")
        window.eval(kept + ".direct_port = %d; None" % port)
        assert run(port, "ping")["message"] == "pong"
        window.eval(kept + ".direct = False; None")
        wait_until(lambda: not neighbours.listens(port), 60, "the end of its listening")


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM), ids=("SIGINT", "SIGTERM"))
def test_a_signal_ends_it_well_also_in_the_middle_of_a_call(program, package, hub, tmp_path, number):
    """The call that runs is answered first, then Blender leaves."""
    with Quiet(program, tmp_path, hub, package=package, environment={"KAPELLE_DIRECT": "0"}) as window:
        port = listening(window)
        assert run(port, "ping")["message"] == "pong"
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            ran = tmp_path / "ran"
            code = "open(%r, 'w').close()\nwhile True: pass" % str(ran)
            client.sendall(json.dumps({"type": "execute_code", "params": {"code": code}}).encode())
            running = {"type": "get_job_status", "params": {"job_id": "none"}}
            assert "No job" in neighbours.ask(port, running)["message"], "it answers without the main thread"
            wait_until(lambda: ran.exists(), 60, "its beginning")
            window.process.send_signal(number)
            with client.makefile("rb") as answers:
                told = json.loads(answers.read())
            assert told["status"] == "error" and "signal %d" % number in told["message"], told
            assert window.process.wait(60) == 0, window.text()
        assert "exited because signal %d" % number in window.text()


def test_debug_install_gives_a_blender_that_listens_when_it_is_switched_on(program, tmp_path):
    """`kapelle debug install` for somebody who has never started Blender; then as an artist: a window, and the preference."""
    binary = find_binary()
    if isinstance(binary, str):
        pytest.fail(binary) if os.environ.get("CI") == "true" else pytest.skip(binary)
    profile = tmp_path / "profile"
    settings = dict(profile_environment(profile), HOME=str(tmp_path), PATH="/usr/local/bin:/usr/bin:/bin")
    with Hub(binary, tmp_path / "home", settings) as kapelle, Display() as screen:
        (one,) = kapelle.document("debug", "install", "--blender", program)["installed"]
        assert one["seen"]["bridge_version"] and Path(one["path"]).is_relative_to(profile), one
        port = neighbours.free_port()
        kept = "bpy.context.preferences.addons[%r].preferences" % one["module"]
        switch = "import bpy; p = %s; p.direct_port = %d; assert not p.direct; p.direct = True" % (kept, port)
        shown = dict(kapelle.environment, DISPLAY=screen.name, LIBGL_ALWAYS_SOFTWARE="1")
        shown.pop("WAYLAND_DISPLAY", None)
        blender = subprocess.Popen([program, "-noaudio", "--python-expr", switch], env=shown, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: neighbours.listens(port), 120, "its listening")
            assert run(port, "execute_code", code="print(6 * 7)")["result"].strip() == "42"
            # The same add-on is seen by the hub of that home.
            wait_until(lambda: kapelle.http.get("/v1/instances")["instances"], 60, "its connection")
            assert kapelle.http.eval("import os\nos.getpid()") == blender.pid
        finally:
            blender.terminate()
            blender.wait(60)
