# SPDX-License-Identifier: MIT OR Apache-2.0
"""When somebody leaves in the middle: whoever waits gets an answer, and nothing is left behind."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hubs import Terminal, is_alive, wait_until

ENDLESS = "import time\nprint('began', flush=True)\nwhile True: time.sleep(0.02)"


@pytest.fixture
def own(program, new_hub):
    hub = new_hub()
    hub.program = program
    hub.start(program, "blender")
    return hub


def asked(hub, source):
    """Somebody who asks and waits; `answer()` gives what came."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(hub.http.ask, "code.run", {"code": source})
    pool.shutdown(wait=False)
    return future


def running(hub, calls=1):
    """Waits until one runs and the rest of them waits."""

    def look():
        view = hub.http.instance("blender")
        return view.get("running") and view["queued"] == calls - 1

    wait_until(look, what="the start")


def test_who_waits_while_the_hub_stops_gets_an_end(own):
    waiting = [asked(own, ENDLESS)]
    running(own)
    waiting += [asked(own, "'later'"), asked(own, "'later still'")]
    running(own, 3)
    assert own.terminate() == 0
    for future in waiting:
        answer = future.result(20)
        if answer.status == 200:
            assert answer.json["status"] == "interrupted", answer.body
            assert answer.json["problem"]["message"]
        else:
            assert answer.status == 503 and answer.json["code"] in ("hub_stopping", "instance_not_connected"), answer.body


def test_who_waits_while_the_instance_is_stopped_gets_an_end(own):
    waiting = [asked(own, ENDLESS)]
    running(own)
    waiting += [asked(own, "'later'")]
    running(own, 2)
    stopped = own.http.request("DELETE", "/v1/instances/blender")
    assert stopped.status == 200 and stopped.json["how"] in ("left", "killed")
    for future in waiting:
        answer = future.result(20)
        told = answer.json
        assert answer.status in (200, 503), answer.body
        assert told["status"] in ("interrupted", 503), told
    assert own.http.get("/v1/instances") == {"instances": []}


@pytest.mark.one_blender
def test_one_that_does_not_leave_is_killed_with_its_children(own):
    """A call in C code holds it up: asked to leave, it cannot."""
    child = "import subprocess\np = subprocess.Popen(['sleep', '600'])\np.pid"
    pid = own.http.eval(child)
    future = asked(own, "import ctypes\nctypes.PyDLL(None).sleep(60)")
    running(own)
    began = time.monotonic()
    stopped = own.http.request("DELETE", "/v1/instances/blender?force=true")
    assert stopped.json == {"stopped": "blender", "how": "killed"} and time.monotonic() - began < 5
    assert future.result(20).json["status"] == "interrupted"
    wait_until(lambda: not is_alive(pid), 5, "the end of the child")


@pytest.mark.one_blender
def test_the_terminal_says_so_when_the_hub_dies_under_it(own):
    process = own.popen("code", "blender", "--json", "-c", ENDLESS)
    running(own)
    own.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode in (3, 5), (process.returncode, out, err)
    assert out.strip().startswith(b"{") and b"panicked" not in err
    pids = own.leftovers()
    own.serve()
    wait_until(lambda: own.http.instance("blender")["state"] == "busy", 30, "the return of the bridge")
    assert pids


@pytest.mark.one_blender
def test_the_stream_ends_with_the_hub(own):
    seen = []

    def follow():
        try:
            for name, data, _ in own.http.follow(ENDLESS):
                seen.append((name, data))
        except OSError as error:
            seen.append(("error", error))

    thread = threading.Thread(target=follow)
    thread.start()
    running(own)
    assert own.terminate() == 0
    thread.join(20)
    assert not thread.is_alive()
    assert seen[-1][0] == "ended" and seen[-1][1]["status"] == "interrupted", seen[-2:]


def test_two_hubs_at_once_on_one_home(binary, tmp_path):
    terminal = Terminal(binary, tmp_path / "home")
    processes = [terminal.popen("serve", "--listen", "127.0.0.1:0", "--json") for _ in range(4)]
    try:
        lines = [process.stdout.readline() for process in processes]
        ready = [line for line in lines if b'"url"' in line]
        refused = [line for line in lines if b"hub_running" in line]
        assert (len(ready), len(refused)) == (1, 3), lines
        alive = [process for process in processes if process.poll() is None]
        wait_until(lambda: len([p for p in processes if p.poll() is None]) == 1, what="the end of the others")
        assert sorted(process.returncode for process in processes if process.returncode is not None) == [3, 3, 3], alive
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        terminal.clear()


@pytest.mark.one_blender
def test_several_starts_at_once_give_several_names(program, new_hub):
    hub = new_hub()
    with ThreadPoolExecutor(3) as pool:
        views = list(pool.map(lambda _: hub.start(program), range(3)))
    assert sorted(view["name"] for view in views) == ["blender", "blender-2", "blender-3"]
    assert len({view["pid"] for view in views}) == 3
    with ThreadPoolExecutor(4) as pool:
        body = {"app": "blender", "name": "same", program.key: program.path}
        answers = list(pool.map(lambda _: hub.http.request("POST", "/v1/instances", body), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201], [a.body for a in answers]
    assert len({answer.json["pid"] for answer in answers}) == 1


@pytest.mark.one_blender
def test_an_instance_that_nobody_asked_the_hub_for(own, tmp_path):
    """A person starts the bridge by hand: it dials in, is known by its name, and is not the hub's to kill."""
    (boot,) = (own.home / "bridges").glob("kapelle_blender-*/**/boot.py")
    environment = dict(own.environment, KAPELLE_NAME="by-hand")
    process = subprocess.Popen(
        [own.program.path, str(boot)],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: own.http.request("GET", "/v1/instances/by-hand").status == 200, 60, "the bridge")
        view = own.http.instance("by-hand")
        assert view["started_by_hub"] is False and view["pid"] == process.pid
        assert own.http.eval("1 + 1", instance="by-hand") == 2
        own.http.request("DELETE", "/v1/instances/by-hand?force=true").problem(403, "forbidden")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        wait_until(lambda: own.http.instance("by-hand")["state"] == "disconnected", 20, "the news")
        assert own.http.instance("by-hand")["restarts"] == 0
    finally:
        process.kill()
        process.wait(10)
