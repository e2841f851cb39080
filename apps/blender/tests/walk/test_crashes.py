# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Blender that dies in a call: the call is interrupted, and a background instance comes back with what the
recovery copy kept. And the recovery copies themselves."""

import os
import signal
import time

import pytest
from hubs import is_alive, wait_until

CRASHES = {
    "os._exit": "import os\nos._exit(3)",
    "segfault": "import ctypes\nctypes.string_at(0)",
    "kill": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "abort": "import os\nos.abort()",
    "terminate": "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)",
}


def back(http, before):
    """The view of the instance, when another process of that name is connected and free."""

    def look():
        view = http.instance("blender")
        return view if view["state"] == "idle" and view["pid"] != before else None

    return wait_until(look, 60, "the restart")


def leave_no_restarts(stage):
    """A fresh instance, so that earlier crashes do not lengthen the wait of the next one."""
    stage.http.request("DELETE", "/v1/instances/blender?force=true")
    stage.start(stage.program, "blender")
    return stage.http


@pytest.mark.every_blender
@pytest.mark.parametrize("way", ["os._exit", "segfault"])
def test_it_comes_back_with_what_the_recovery_copy_kept(stage, way):
    http = leave_no_restarts(stage)
    path = str(stage.home / ("before-%s.blend" % way))
    http.run("object.create", kind="cube", name="Saved")
    http.run("file.save", path=path, overwrite=True)
    http.run("object.create", kind="sphere", name="Unsaved")
    before = http.instance("blender")
    began = time.monotonic()
    outcome = http.code("print('last words', flush=True)\n" + CRASHES[way])
    assert time.monotonic() - began < 5.0
    assert outcome["status"] == "interrupted" and outcome["problem"]["code"] == "interrupted", outcome
    assert outcome["value"] is None and outcome["problem"]["hint"]
    assert not is_alive(before["pid"])
    after = back(http, before["pid"])
    assert after["restarts"] == 1
    # The copy was made before the first change after the save, so it has what was saved.
    names = [one["name"] for one in http.run("object.list")["objects"]]
    assert "Saved" in names, names
    assert http.eval("1 + 1") == 2


@pytest.mark.parametrize("way", ["kill", "abort"])
def test_other_deaths_are_interrupted_as_well(stage, way):
    http = leave_no_restarts(stage)
    before = http.instance("blender")["pid"]
    outcome = http.code(CRASHES[way])
    assert outcome["status"] == "interrupted", outcome
    back(http, before)
    assert http.eval("1 + 1") == 2


def test_sigterm_ends_the_call_and_it_comes_back(stage):
    """It is no death but an order to leave: the bridge ends its call, keeps a copy and goes."""
    http = leave_no_restarts(stage)
    before = http.instance("blender")["pid"]
    http.run("object.create", kind="cube", name="Kept")
    outcome = http.code(CRASHES["terminate"])
    assert outcome["status"] == "interrupted", outcome
    assert "leaves" in outcome["problem"]["message"] or outcome["status"] == "interrupted", outcome
    back(http, before)
    assert http.run("object.get", name="Kept")["name"] == "Kept"


def test_what_was_recovered_outlives_a_second_crash(stage):
    """One that dies again before it has kept a copy of its own."""
    http = leave_no_restarts(stage)
    http.run("object.create", kind="cube", name="Kept")
    http.run("file.new")
    http.run("file.open", path=http.get("/v1/recovery")["copies"][0]["path"])
    http.eval("bpy.data.objects['Kept'].location.x = 1")
    for _ in range(2):
        before = http.instance("blender")["pid"]
        assert http.code(CRASHES["kill"])["status"] == "interrupted"
        back(http, before)
        assert http.run("object.get", name="Kept")["name"] == "Kept"


def test_a_kill_from_outside_in_the_middle_of_a_call(stage):
    http = leave_no_restarts(stage)
    before = http.instance("blender")["pid"]
    call_id = http.send("import time\nfor _ in range(1000): time.sleep(0.01)")
    waiting = http.send("'ran later'")
    wait_until(lambda: http.look(call_id)["status"] == "running", what="the start")
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()
    assert http.end(call_id)["status"] == "interrupted"
    assert time.monotonic() - began < 3.0
    # What had not begun is either run by the next process or told as interrupted; never lost.
    ended = http.end(waiting)
    assert (ended["status"], ended["value"]) in (("succeeded", "ran later"), ("interrupted", None)), ended
    back(http, before)


@pytest.mark.one_blender
def test_a_call_that_comes_while_it_restarts_is_told_or_waits(stage):
    http = leave_no_restarts(stage)
    before = http.instance("blender")["pid"]
    http.code(CRASHES["kill"])
    answer = http.ask("code.run", {"code": "2"})
    if answer.status != 200:
        assert answer.problem(503, "instance_not_connected")["retryable"] is True
    else:
        assert answer.json["value"] == 2 or answer.json["status"] == "interrupted"
    back(http, before)


@pytest.mark.one_blender
def test_the_state_outlives_the_process(stage):
    http = leave_no_restarts(stage)
    http.run("object.create", kind="cube", name="Remembered")
    wait_until(lambda: "Remembered" in str(http.get("/v1/instances/blender/state")), what="the state")
    before = http.instance("blender")["pid"]
    http.code(CRASHES["kill"])
    told = http.get("/v1/instances/blender/state")
    assert told["state"] and (told["connected"] is False or http.instance("blender")["pid"] != before)
    back(http, before)


@pytest.mark.every_blender
def test_recovery_copies_are_listed_taken_and_opened(stage, tmp_path):
    http = leave_no_restarts(stage)
    http.run("file.new")
    http.run("object.create", kind="cube", name="Precious")
    # Opening another file keeps what is unsaved.
    told = http.run("file.new")
    assert told["recovery"] and os.path.exists(told["recovery"])
    copies = http.get("/v1/recovery")["copies"]
    newest = copies[0]
    assert newest["path"] == told["recovery"] and newest["instance"] == "blender" and newest["bytes"] > 10000
    assert [one["taken"] for one in copies] == sorted((one["taken"] for one in copies), reverse=True)
    assert stage.document("recover")["copies"][0]["path"] == newest["path"]
    out = tmp_path / "back.blend"
    done = stage.kapelle("recover", "blender", "--out", out)
    assert done.code == 0 and out.stat().st_size == newest["bytes"], done
    again = stage.document("recover", "blender", "--out", out, code=1)
    assert again["code"] == "file_exists"
    http.run("file.open", path=str(out))
    assert http.run("object.get", name="Precious")["name"] == "Precious"
    http.run("file.new")
    done = stage.kapelle("recover", "1", "--open", "--json")
    assert done.code == 0, done
    nobody = stage.kapelle("recover", "nobody", "--json")
    assert nobody.code in (1, 2, 3) and nobody.json["hint"], nobody


def test_stopping_keeps_unsaved_work(stage):
    http = leave_no_restarts(stage)
    http.run("object.create", kind="cube", name="Late")
    newest = http.get("/v1/recovery")["copies"][0]["path"]
    pid = http.instance("blender")["pid"]
    stopped = http.request("DELETE", "/v1/instances/blender")
    assert stopped.status == 200 and stopped.json == {"stopped": "blender", "how": "left"}, stopped.body
    assert not is_alive(pid)
    copies = http.get("/v1/recovery")["copies"]
    assert copies[0]["path"] != newest
    stage.start(stage.program, "blender", file=copies[0]["path"])
    assert http.run("object.get", name="Late")["name"] == "Late"


@pytest.mark.one_blender
def test_copies_are_bounded(stage):
    http = leave_no_restarts(stage)
    for n in range(13):
        http.run("object.create", kind="empty", name="N%d" % n)
        http.run("file.new")
    folder = stage.home / "recovery" / "blender"
    assert len([name for name in os.listdir(folder) if name.endswith(".blend")]) <= 10
