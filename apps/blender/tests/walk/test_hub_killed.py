# SPDX-License-Identifier: MIT OR Apache-2.0
"""kill -9 of the hub with calls under way: after its return every call has its one outcome, and ran once."""

import contextlib
import os
import signal
import threading
from http.client import HTTPException

import pytest
from client import is_end
from hubs import Hub, is_alive, wait_until


@pytest.fixture
def own(program, binary, tmp_path):
    with Hub(binary, tmp_path / "home") as made:
        made.program = program
        yield made


def effects(folder):
    """How often each call's code ran: a line in a file for each run."""
    return {name: (folder / name).read_text().splitlines() for name in sorted(os.listdir(folder))}


def marks(path, seconds):
    """Code that leaves a mark when it begins and one when it ends."""
    return (
        "import time\n"
        "with open(%r, 'a') as out: out.write('began\\n')\n"
        "for _ in range(int(%g * 50)): time.sleep(0.02)\n"
        "with open(%r, 'a') as out: out.write('ended\\n')\n"
        "bpy.data.objects.new('Mark', None)\n"
        "%r" % (str(path), seconds, str(path), os.path.basename(str(path)))
    )


@pytest.mark.every_blender
def test_five_calls_of_one_blender_have_five_outcomes_each_run_once(own, tmp_path):
    folder = tmp_path / "effects"
    folder.mkdir()
    own.start(own.program, "blender")
    pid = own.http.instance("blender")["pid"]
    own.http.eval("kept = 'through the restart'")
    calls = [own.http.send(marks(folder / ("call-%d" % n), 0.6)) for n in range(5)]
    wait_until(lambda: own.http.look(calls[0])["status"] == "running", what="the start of the first")
    assert [own.http.look(one)["status"] for one in calls[1:]] == ["queued"] * 4
    own.kill()
    assert is_alive(pid), "Blender outlives its hub"
    own.serve()
    ends = [own.http.end(one) for one in calls]
    assert [end["status"] for end in ends] == ["succeeded"] * 5, ends
    assert [end["value"] for end in ends] == ["call-%d" % n for n in range(5)]
    assert [end["call_id"] for end in ends] == calls
    assert effects(folder) == {"call-%d" % n: ["began", "ended"] for n in range(5)}
    assert {end["caller"] for end in ends} == {"owner"} and {end["command"] for end in ends} == {"code.run"}
    view = own.http.instance("blender")
    assert (view["pid"], view["started_by_hub"], view["restarts"]) == (pid, True, 0)
    assert own.http.eval("kept") == "through the restart"
    assert own.http.eval("len([o for o in bpy.data.objects if o.name.startswith('Mark')])") == 5


@pytest.mark.one_blender
def test_calls_that_ended_while_there_was_no_hub_are_told(own, tmp_path):
    folder = tmp_path / "effects"
    folder.mkdir()
    own.start(own.program, "blender")
    calls = [own.http.send(marks(folder / ("call-%d" % n), 0.1)) for n in range(3)]
    wait_until(lambda: own.http.look(calls[0])["status"] != "queued", what="the start of the first")
    own.kill()
    wait_until(lambda: len(effects(folder)) == 3 and all(len(e) == 2 for e in effects(folder).values()), 20, "the end")
    own.serve()
    # Asked for at once: the hub waits for the bridge that knows them.
    assert [own.http.end(one)["status"] for one in calls] == ["succeeded"] * 3
    assert effects(folder) == {"call-%d" % n: ["began", "ended"] for n in range(3)}
    listed = [call["call_id"] for call in own.http.get("/v1/calls")["calls"]]
    assert set(calls) <= set(listed)


@pytest.mark.one_blender
def test_a_call_can_be_cancelled_after_the_return(own, tmp_path):
    own.start(own.program, "blender")
    running = own.http.send("import time\nwhile True: time.sleep(0.01)")
    waiting = own.http.send("'its turn'")
    wait_until(lambda: own.http.look(running)["status"] == "running", what="the start")
    own.kill()
    own.serve()
    wait_until(lambda: own.http.instance("blender")["state"] == "busy", 30, "the return of the bridge")
    told = own.http.look(waiting)
    assert told["status"] == "queued" and told["behind"]["call_id"] == running
    assert own.http.cancel(running)["status"] == "cancelled"
    assert own.http.end(waiting)["value"] == "its turn"


@pytest.mark.one_blender
def test_a_look_is_no_ones_call_to_the_next_hub_either(own, tmp_path):
    """The dashboard has a picture taken; the hub is killed meanwhile."""
    gate = tmp_path / "gate"
    own.start(own.program, "blender")
    own.http.eval(
        "import os, sys, time\n"
        "points = next(module for name, module in list(sys.modules.items()) if name.endswith('.viewpoints'))\n"
        "named = points.named\n"
        "def held(*args):\n"
        "    while not os.path.exists(%r): time.sleep(0.01)\n"
        "    return named(*args)\n"
        "points.named = held" % str(gate)
    )

    def pictures():
        return [call for call in own.http.get("/v1/calls")["calls"] if call["command"] == "viewport.screenshot"]

    threading.Thread(target=look, args=(own.http,), daemon=True).start()
    wait_until(lambda: [call["status"] for call in pictures()] == ["running"], what="the look")
    assert own.http.instance("blender")["state"] == "idle"
    own.kill()
    own.serve()
    wait_until(pictures, 30, "the return of the bridge")
    (picture,) = pictures()
    assert (picture["status"], picture["correlation_id"]) == ("running", "picture"), picture
    view = own.http.instance("blender")
    assert (view["state"], view.get("running")) == ("idle", None), view
    gate.touch()
    assert own.http.end(picture["call_id"])["status"] == "succeeded"


def look(http):
    """As a page does; the hub that is asked goes away meanwhile."""
    with contextlib.suppress(OSError, HTTPException):
        http.request("GET", "/v1/instances/blender/picture")


@pytest.mark.one_blender
def test_five_instances_with_a_call_each(own, tmp_path):
    folder = tmp_path / "effects"
    folder.mkdir()
    names = ["one", "two", "three", "four", "five"]
    for name in names:
        own.start(own.program, name)
    calls = {name: own.http.send(marks(folder / name, 1.0), instance=name) for name in names}
    for call_id in calls.values():
        wait_until(lambda call_id=call_id: own.http.look(call_id)["status"] == "running", what="the start")
    own.kill()
    own.serve()
    ends = {name: own.http.end(call_id) for name, call_id in calls.items()}
    assert {name: (end["status"], end["value"], end["instance"]) for name, end in ends.items()} == {
        name: ("succeeded", name, name) for name in names
    }
    assert effects(folder) == {name: ["began", "ended"] for name in sorted(names)}


@pytest.mark.one_blender
def test_a_blender_that_died_while_there_was_no_hub(own):
    """Its calls are lost and said to be; nothing runs twice."""
    own.start(own.program, "blender")
    call_id = own.http.send("import time\nwhile True: time.sleep(0.01)")
    wait_until(lambda: own.http.look(call_id)["status"] == "running", what="the start")
    pid = own.http.instance("blender")["pid"]
    own.kill()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), what="the end of Blender")
    own.serve()
    answer = own.http.request("GET", "/v1/calls/" + call_id)
    # The journal is a memory: what no bridge knows any more is unknown, or told as interrupted.
    if answer.status == 200:
        assert is_end(answer.json["status"]) and answer.json["status"] == "interrupted"
    else:
        answer.problem(404, "call_unknown")
    assert own.http.get("/v1/calls")["since"]


@pytest.mark.one_blender
def test_killed_twice(own, tmp_path):
    folder = tmp_path / "effects"
    folder.mkdir()
    own.start(own.program, "blender")
    calls = [own.http.send(marks(folder / ("call-%d" % n), 0.7)) for n in range(3)]
    wait_until(lambda: own.http.look(calls[0])["status"] == "running", what="the start")
    for _ in range(2):
        own.kill()
        own.serve()
        wait_until(lambda: own.http.instance("blender")["state"] in ("busy", "idle"), 30, "the return of the bridge")
    assert [own.http.end(one)["status"] for one in calls] == ["succeeded"] * 3
    assert effects(folder) == {"call-%d" % n: ["began", "ended"] for n in range(3)}


def test_the_next_hub_stops_the_blenders_of_the_one_before(own):
    """They are its own again, although another process started them."""
    own.start(own.program, "blender")
    pid = own.http.instance("blender")["pid"]
    own.kill()
    own.serve()
    wait_until(lambda: own.http.request("GET", "/v1/instances/blender").status == 200, what="the adoption")
    wait_until(lambda: own.http.instance("blender")["state"] == "idle", 30, "the return of the bridge")
    assert own.http.eval("import os\nos.getpid()") == pid
    assert own.terminate() == 0
    wait_until(lambda: not is_alive(pid), what="the end of a Blender that an earlier hub started")
