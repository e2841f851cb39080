# SPDX-License-Identifier: MIT OR Apache-2.0
"""The wall's clock jumps by a day, forward and back, under a hub and a real Blender.

What goes by durations (limits, beats, back-offs, graces) does not notice. What goes by a time of the wall's clock
(`not_before`, `deadline`) follows the clock. What goes by age believes a clock that jumped ahead only after a while.
"""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from bridgekit.tests.machine import DAY_S, Machine
from hubs import Hub, is_alive, wait_until
from runs import ONCE
from wire import Wire

HOUR_S = 3600
both_ways = pytest.mark.parametrize("seconds", (DAY_S, -DAY_S), ids=("forward", "back"))


@pytest.fixture(scope="module")
def stage(program, binary, library, tmp_path_factory):
    """As that of the other faults, on a machine of its own."""
    folder = tmp_path_factory.mktemp("clock")
    machine = Machine(library, folder / "machine", folder / "home")
    with Hub(binary, folder / "home", machine.environment) as hub, Wire() as wire:
        hub.program, hub.wire, hub.machine = program, wire, machine
        wire.stand_before(hub)
        hub.start(program, "blender")
        yield hub


@pytest.fixture(autouse=True)
def right_again(stage):
    yield
    stage.machine.mend()


def at(seconds):
    """A time of the true clock, so far from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def job(hub, source, **fields):
    """A job that is stored; its id."""
    answer = hub.http.ask("code.run", {"code": source}, wait=False, durable=True, **fields)
    assert answer.status == 202, (answer.status, answer.body)
    return answer.json["call_id"]


def stand(hub, job_id):
    return hub.http.get("/v1/jobs/" + job_id)


@both_ways
def test_nothing_runs(hub, seconds):
    """Both see the other time, the link stays, and beats go on."""
    pid, made = hub.http.instance("blender")["pid"], hub.wire.made
    hub.machine.jump(seconds)
    assert abs(hub.http.eval("import time\ntime.time()") - time.time() - seconds) < HOUR_S
    asked_at = datetime.fromisoformat(hub.http.code("1")["asked_at"].replace("Z", "+00:00"))
    assert abs(asked_at.timestamp() - time.time() - seconds) < HOUR_S
    for side in ("beat", "beat"):
        hub.wire.gate(side).wait().open()
    view = hub.http.instance("blender")
    assert (view["state"], view["pid"], hub.wire.made) == ("idle", pid, made)
    assert hub.http.get("/v1/instances/blender/state")["age_ms"] < HOUR_S * 1000


@both_ways
def test_a_call_runs(hub, runs, seconds):
    call_id = hub.http.send(runs.code("first", 0.8))
    wait_until(lambda: runs.began("first"), what="the start")
    hub.machine.jump(seconds)
    end = hub.http.end(call_id)
    assert (end["status"], end["value"]) == ("succeeded", "first"), end
    assert 800 <= end["duration_ms"] < HOUR_S * 1000, end
    assert runs.all() == {"first": ONCE}


@both_ways
def test_a_call_has_a_time_limit(hub, runs, seconds):
    """It has all of its time, and no more."""
    call_id = hub.http.send(runs.code("first", 300), timeout_ms=1000)
    wait_until(lambda: runs.began("first"), what="the start")
    hub.machine.jump(seconds)
    end = hub.http.end(call_id)
    assert end["status"] == "timed_out" and 1000 <= end["duration_ms"] < 60_000, end
    assert hub.http.eval("1 + 1") == 2


@both_ways
def test_the_link_breaks_then(hub, runs, seconds):
    call_id = hub.http.send(runs.code("first", 0.8))
    wait_until(lambda: runs.began("first"), what="the start")
    hub.machine.jump(seconds)
    hub.wire.cut()
    end = hub.http.end(call_id)
    assert (end["status"], end["value"]) == ("succeeded", "first"), end
    assert runs.all() == {"first": ONCE}


def test_ids_stay_in_their_order(hub):
    ids = []
    for seconds in (0, DAY_S, -DAY_S, 2 * DAY_S, 0):
        hub.machine.jump(seconds)
        ids += [hub.http.code("1")["call_id"] for _ in range(3)]
    assert sorted(set(ids)) == ids
    listed = [call["call_id"] for call in hub.http.get("/v1/calls?limit=15")["calls"]]
    assert listed == ids[::-1]


def test_a_job_is_not_before_a_time(hub, runs):
    """The clock decides: set back it waits on, and it runs as soon as the clock says so."""
    waiting = job(hub, runs.code("first"), not_before=at(HOUR_S))
    hub.machine.jump(-DAY_S)
    # The queue looks at the clock for every job that it gives out.
    assert hub.http.end(job(hub, runs.code("second")))["status"] == "succeeded"
    assert stand(hub, waiting)["status"] == "queued" and "not before" in stand(hub, waiting)["why"]
    hub.machine.jump(DAY_S)
    assert hub.http.end(waiting)["value"] == "first"
    assert runs.all() == {"first": ONCE, "second": ONCE}


def test_a_job_has_a_deadline(hub, runs):
    """It passes with the clock: the job says so and has not run."""
    late = job(hub, runs.code("first"), not_before=at(3 * DAY_S), deadline=at(HOUR_S))
    hub.machine.jump(DAY_S)
    end = hub.http.end(late)
    assert (end["status"], end["problem"]["code"]) == ("timed_out", "deadline_passed"), end
    assert "deadline" in end["problem"]["message"] and runs.all() == {}


@both_ways
def test_a_job_runs(hub, runs, seconds):
    """Also one with a deadline: what is left of it became its time limit when it began."""
    running = job(hub, runs.code("first", 0.8), deadline=at(HOUR_S))
    wait_until(lambda: runs.began("first"), what="the start")
    hub.machine.jump(seconds)
    assert hub.http.end(running)["value"] == "first"
    assert stand(hub, running)["attempt"] == 1 and runs.all() == {"first": ONCE}


def test_a_job_is_to_be_tried_again(hub, runs):
    """Set back by a day, it waits for no day more."""
    told = runs.folder / "told"
    code = "import os\nif not os.path.exists(%r):\n    open(%r, 'w').close()\n    1 / 0\n" % (str(told), str(told))
    again = job(hub, code + runs.code("first"), retry={"max": 1, "backoff_ms": 2000})
    wait_until(lambda: "tried again" in stand(hub, again).get("why", ""), what="the first attempt")
    hub.machine.jump(-DAY_S)
    assert hub.http.end(again)["value"] == "first"
    assert stand(hub, again)["attempt"] == 2 and runs.of("first") == ONCE


@both_ways
def test_a_browser_signs_in(hub, seconds):
    """A link is good for its minute, and a session for its week."""
    key = hub.http.request("POST", "/v1/dashboard/links", {}).json["url"].partition("#key=")[2]
    hub.machine.jump(seconds)
    browser = type(hub.http)(hub.url, None)
    signed = browser.request("POST", "/v1/dashboard/session", {"key": key}, {"Origin": hub.url})
    assert signed.status == 201, signed.body
    signs = {"Cookie": signed.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    for later in (0, -seconds, 2 * seconds):
        hub.machine.jump(later)
        assert browser.request("GET", "/v1/dashboard/session", headers=signs).status == 200, later


def test_a_process_has_a_time_limit(hub):
    """It lives by the clock that only runs, also under the next hub."""
    pid = hub.start(hub.program, "limited", time_s=HOUR_S)["pid"]
    hub.machine.jump(DAY_S)
    for _ in range(2):
        assert hub.http.eval("import os\nos.getpid()", instance="limited") == pid
        view = hub.http.instance("limited")
        assert view["limits"]["lived_s"] < HOUR_S and is_alive(pid), view
        hub.kill()
        hub.wire.serve(hub)
        wait_until(lambda: hub.http.instance("limited")["state"] == "idle", 30, "its return")
    hub.http.request("DELETE", "/v1/instances/limited?force=true")


def test_the_newest_recovery_copy_stays_the_newest(hub):
    hub.machine.jump(DAY_S)
    copies = []
    for name in ("Before", "After"):
        hub.http.run("object.create", kind="cube", name=name)
        copies.append(hub.http.run("file.new")["recovery"])
        hub.machine.jump(0)
    listed = [one["path"] for one in hub.http.get("/v1/recovery")["copies"] if one["instance"] == "blender"]
    assert listed[0] == copies[1] and [one for one in listed if one in copies] == copies[::-1]


def test_the_past_is_kept(binary, library, tmp_path):
    """Calls and jobs are kept for a day here. A clock that jumps ahead makes everything old; it is believed when it is still
    there at the next look."""
    home = tmp_path / "home"
    machine = Machine(library, tmp_path / "machine", home)
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("[history]\nkeep_days = 1\n")
    with Hub(binary, home, machine.environment) as hub:
        ended = job(hub, "1", not_before=at(HOUR_S))
        assert hub.http.request("DELETE", "/v1/jobs/" + ended).status == 200

        def is_kept():
            paths = ("/v1/jobs/" + ended, "/v1/calls/" + ended)
            return [hub.http.request("GET", path).status for path in paths] == [200, 200]

        def look(seconds):
            """A hub looks when it begins, before anything that is asked of its store afterwards."""
            hub.terminate()
            machine.jump(seconds)
            hub.serve()

        assert is_kept()
        for seconds in (3 * DAY_S, 0, 5 * DAY_S, -DAY_S, 0):
            look(seconds)
            assert is_kept(), seconds
        look(3 * DAY_S)
        look(3 * DAY_S)
        wait_until(lambda: not is_kept(), what="that it is believed")
        log = json.dumps(hub.http.get("/v1/calls"))
        assert ended not in log
