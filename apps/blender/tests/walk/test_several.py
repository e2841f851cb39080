# SPDX-License-Identifier: MIT OR Apache-2.0
"""Several instances at one hub: named, never silently picked, all of them with `*`, and none in another's way."""

import time

import pytest
from hubs import is_alive, wait_until


@pytest.fixture(scope="module")
def two(stage):
    """A second instance beside `blender`."""
    stage.start(stage.program, "second")
    return stage


@pytest.fixture
def pair(two):
    for name in ("blender", "second"):
        two.http.run("file.new", instance=name)
    return two.http


@pytest.mark.one_blender
def test_without_a_name_the_one_named_like_its_app_is_meant(pair):
    assert pair.ask("code.run", {"code": "1"}).json["instance"] == "blender"
    assert pair.ask("code.run", {"code": "1"}, check_only=True).json["instance"] == ["blender"]


def test_each_is_reached_by_its_name(pair):
    pids = [pair.eval("import os\nos.getpid()", instance=name) for name in ("blender", "second")]
    assert pids == [pair.instance(name)["pid"] for name in ("blender", "second")] and pids[0] != pids[1]
    pair.run("object.create", kind="cube", name="Only here", instance="second")
    assert pair.run("object.list", instance="blender")["total"] == 3
    assert pair.run("object.list", instance="second")["total"] == 4


def test_a_star_asks_all_of_them_and_each_has_an_outcome(pair):
    answer = pair.ask("code.run", {"code": "import os\nos.getpid()"}, instance="*", correlation_id="all")
    assert answer.status == 200
    outcomes = answer.json["outcomes"]
    assert {one["instance"]: one["value"] for one in outcomes} == {
        name: pair.instance(name)["pid"] for name in ("blender", "second")
    }
    assert {one["status"] for one in outcomes} == {"succeeded"} and {one["correlation_id"] for one in outcomes} == {
        "all"
    }
    answer = pair.ask("code.run", {"code": "1/0 if bpy.data.objects.get('X') else 'fine'"}, instance="*")
    assert [one["value"] for one in answer.json["outcomes"]] == ["fine", "fine"]


@pytest.mark.one_blender
def test_a_star_does_not_wait_when_it_is_not_asked_to(pair):
    answer = pair.ask("code.run", {"code": "'x'"}, instance="*", wait=False)
    assert answer.status == 202
    assert [pair.end(one["call_id"])["value"] for one in answer.json["outcomes"]] == ["x", "x"]


def test_one_that_works_is_in_nobodys_way(pair):
    slow = pair.send("import time\nfor _ in range(200): time.sleep(0.01)", instance="blender")
    wait_until(lambda: pair.look(slow)["status"] == "running", what="the start")
    began = time.monotonic()
    assert pair.eval("1 + 1", instance="second") == 2
    assert time.monotonic() - began < 1.0
    assert pair.look(slow)["status"] == "running"
    states = {view["name"]: view["state"] for view in pair.get("/v1/instances")["instances"]}
    assert states == {"blender": "busy", "second": "idle"}
    pair.cancel(slow)


@pytest.mark.one_blender
def test_starting_a_name_that_runs_answers_that_instance(two):
    before = two.http.instance("second")
    body = {"app": "blender", "name": "second", two.program.key: two.program.path}
    answer = two.http.request("POST", "/v1/instances", body)
    assert answer.status == 200 and answer.json["pid"] == before["pid"]
    done = two.kapelle("start", "blender", "--name", "second", two.program.option, two.program.path, "--json")
    assert done.code == 0 and done.json["pid"] == before["pid"]
    assert len(two.http.get("/v1/instances")["instances"]) == 2


def test_stop_and_start_of_a_name_again_and_again(two):
    pids = {two.http.instance("second")["pid"]}
    for n in range(4):
        answer = two.http.request("DELETE", "/v1/instances/second?force=%s" % ("true" if n % 2 else "false"))
        assert answer.json == {"stopped": "second", "how": "killed" if n % 2 else "left"}
        assert not any(is_alive(pid) for pid in pids)
        view = two.start(two.program, "second")
        assert view["name"] == "second" and view["pid"] not in pids and view["restarts"] == 0
        pids.add(view["pid"])
    assert two.http.eval("1", instance="second") == 1
    assert len(two.http.get("/v1/instances")["instances"]) == 2


@pytest.mark.one_blender
def test_what_cannot_start_says_why(two):
    start = lambda **body: two.http.request("POST", "/v1/instances", dict({"app": "blender"}, **body))  # noqa: E731
    problem = start(program="/nonexistent/blender").problem(503, "start_failed")
    assert "/nonexistent/blender" in problem["message"]
    problem = start(program="/bin/false", name="false").problem(503, "start_failed")
    assert problem["hint"]
    problem = start(python="/bin/echo", name="echo").problem(503, "start_failed")
    assert "boot.py" in str(problem["details"])
    start(name="no/slash").problem(400, "arguments_invalid")
    start(mode="sideways").problem(400, "body_malformed")
    start(app="blendr").problem(404, "app_unknown")
    start(file="/nonexistent/a.blend", **{two.program.key: two.program.path}).problem(503, "start_failed")
    names = [view["name"] for view in two.http.get("/v1/instances")["instances"]]
    assert names == ["blender", "second"]
    two.http.request("DELETE", "/v1/instances/nobody").problem(404, "instance_unknown")


def test_the_end_of_the_hub_is_the_end_of_its_background_blenders(two):
    """The last of this module: SIGTERM to the hub, and nothing of it is left."""
    pids = [view["pid"] for view in two.http.get("/v1/instances")["instances"]]
    call_id = two.http.send("import time\nfor _ in range(1000): time.sleep(0.01)", instance="second")
    wait_until(lambda: two.http.look(call_id)["status"] == "running", what="the start")
    began = time.monotonic()
    assert two.terminate() == 0
    assert time.monotonic() - began < 20
    assert not any(is_alive(pid) for pid in pids)
    wait_until(lambda: not two.leftovers(), what="the end of all processes")
