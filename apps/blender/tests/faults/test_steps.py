# SPDX-License-Identifier: MIT OR Apache-2.0
"""The hub, the link and the bridge each die at every step of a call, with both sides standing exactly there.

The steps are the frames between hub and bridge: `call` (the hub has sent it, the bridge has not got it), `started` (it
runs, the hub does not know), `outcome` (it has ended, the hub does not know), `ack` (the hub has recorded it, the
bridge does not know), and the four of the handshake, with a call under way.
"""

import os
import signal

import pytest
from hubs import is_alive, wait_until
from runs import ONCE

STEPS = ("call", "started", "outcome", "ack")
HANDSHAKE = ("hello", "challenge", "proof", "welcome")
# Beyond the silence after which a bridge takes its hub for gone.
LONG_S = 6.0


def asked(hub, runs, step, name="blender"):
    """A call that has come to this step; its id and the gate."""
    if step in HANDSHAKE:
        call_id = hub.http.send(runs.code(name, 1.0), instance=name)
        wait_until(lambda: runs.began(name), what="the start")
        gate = hub.wire.gate(step, name if step == "welcome" else None)
        hub.wire.cut()
    elif step == "ack":  # that of the call before may still be on its way
        call_id = hub.http.send(runs.code(name, 0.3), instance=name)
        gate = hub.wire.gate(step, name, call_id)
    else:
        gate = hub.wire.gate(step, name)
        call_id = hub.http.send(runs.code(name, 0.1), instance=name)
    gate.wait()
    if step in ("outcome", "ack"):
        assert runs.of(name) == ONCE
    return call_id, gate


def works(hub, pid):
    """The same Blender answers."""
    wait_until(lambda: hub.http.request("GET", "/v1/instances/blender").status == 200, 30, "the return")
    wait_until(lambda: hub.http.instance("blender")["state"] == "idle", 30, "a free Blender")
    assert hub.http.eval("import os\nos.getpid()", instance="blender") == pid
    assert is_alive(pid)


@pytest.mark.parametrize("step", STEPS + HANDSHAKE)
def test_the_hub_is_killed(hub, runs, step):
    pid = hub.http.instance("blender")["pid"]
    call_id, gate = asked(hub, runs, step)
    hub.kill()
    gate.open(deliver=False)
    hub.wire.serve(hub)
    if step == "call":
        # Nobody but the dead hub knew of it. It is unknown, and it has not run.
        hub.http.request("GET", "/v1/calls/" + call_id).problem(404, "call_unknown")
        works(hub, pid)
        assert runs.all() == {}
    else:
        end = hub.http.end(call_id)
        assert (end["status"], end["value"]) == ("succeeded", "blender"), end
        works(hub, pid)
        assert runs.all() == {"blender": ONCE}


@pytest.mark.every_blender
@pytest.mark.parametrize("step", STEPS + HANDSHAKE)
def test_the_link_breaks(hub, runs, step):
    pid = hub.http.instance("blender")["pid"]
    call_id, gate = asked(hub, runs, step)
    gate.open(deliver=False)
    end = hub.http.end(call_id)
    assert (end["status"], end["value"]) == ("succeeded", "blender"), end
    works(hub, pid)
    assert runs.all() == {"blender": ONCE}


@pytest.mark.parametrize("step", ("call", "started", "outcome", "ack"))
def test_the_bridge_is_killed(hub, runs, step):
    """What the dead process had sent still arrives, as it does when a process dies."""
    hub.http.request("DELETE", "/v1/instances/blender?force=true")  # earlier deaths would make the restart wait
    pid = hub.start(hub.program, "blender")["pid"]
    call_id, gate = asked(hub, runs, step)
    if step == "started":
        wait_until(lambda: runs.began("blender"), what="the run")
    os.kill(pid, signal.SIGKILL)
    gate.open(deliver=True)
    end = hub.http.end(call_id)

    def back():
        view = hub.http.instance("blender")
        return view if view["state"] == "idle" and view["pid"] != pid else None

    assert wait_until(back, 60, "the restart")["restarts"] == 1
    if step == "call":
        assert (end["status"], end["value"]) == ("succeeded", "blender"), end
        assert runs.all() == {"blender": ONCE}, "it ran in the next process, once"
    elif step == "started":
        assert (end["status"], end["problem"]["code"]) == ("interrupted", "interrupted"), end
        assert end["problem"]["retryable"] is False, "it may have changed something"
        assert runs.of("blender") in (["began"], ONCE)
    else:
        assert (end["status"], end["value"]) == ("succeeded", "blender"), end
        assert runs.all() == {"blender": ONCE}
    assert hub.http.eval("1 + 1") == 2


@pytest.mark.parametrize("step", STEPS)
def test_the_hub_stands_still_for_a_moment(hub, runs, step):
    pid = hub.http.instance("blender")["pid"]
    call_id, gate = asked(hub, runs, step)
    hub.process.send_signal(signal.SIGSTOP)
    gate.open()
    wait_until(lambda: runs.began("blender"), what="the run")
    hub.process.send_signal(signal.SIGCONT)
    assert hub.http.end(call_id)["status"] == "succeeded"
    works(hub, pid)
    assert runs.all() == {"blender": ONCE}


def test_the_hub_stands_still_for_long(hub, runs):
    """At every step at once, one Blender each: their bridges give it up, dial on, and bring everything."""
    names = {"call": "blender", "started": "second", "outcome": "third", "ack": "fourth"}
    for name in names.values():
        if name != "blender":
            hub.start(hub.program, name)
    pids = {name: hub.http.instance(name)["pid"] for name in names.values()}
    asked_for = {name: asked(hub, runs, step, name) for step, name in names.items()}
    made = hub.wire.made
    hub.process.send_signal(signal.SIGSTOP)
    for _, gate in asked_for.values():
        gate.open()
    wait_until(lambda: hub.wire.made >= made + len(names), LONG_S * 3, "that all of them dial again")
    hub.process.send_signal(signal.SIGCONT)
    for name, (call_id, _) in asked_for.items():
        end = hub.http.end(call_id)
        assert (end["status"], end["value"]) == ("succeeded", name), end
    assert runs.all() == dict.fromkeys(sorted(names.values()), ONCE)
    for name, pid in pids.items():
        wait_until(lambda name=name: hub.http.instance(name)["state"] == "idle", 30, "a free Blender")
        assert hub.http.eval("import os\nos.getpid()", instance=name) == pid
        if name != "blender":
            hub.http.request("DELETE", "/v1/instances/%s?force=true" % name)


def test_blender_stands_still_in_a_call(hub, runs):
    """The hub says so and goes on; what was asked meanwhile runs when it wakes, once each."""
    pid = hub.http.instance("blender")["pid"]
    first = hub.http.send(runs.code("first", 0.5))
    wait_until(lambda: runs.began("first"), what="the start")
    os.kill(pid, signal.SIGSTOP)
    try:
        second = hub.http.send(runs.code("second"))
        view = wait_until(lambda: (hub.http.instance("blender").get("why") or "") and hub.http.instance("blender"), 20, "it")
        assert "no sign of life" in view["why"], view
        assert hub.http.look(first)["status"] == "running" and hub.http.look(second)["status"] == "queued"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [hub.http.end(one)["status"] for one in (first, second)] == ["succeeded"] * 2
    assert runs.all() == {"first": ONCE, "second": ONCE}
