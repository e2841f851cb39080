# SPDX-License-Identifier: MIT OR Apache-2.0
"""A disk that is slow, full or broken under a hub with jobs and a history: what was acknowledged is there after a kill -9,
what could not be stored was refused, and calls go on.
"""

import threading

import disks
import pytest
from bridgekit.tests.machine import Machine
from hubs import Hub, wait_until
from runs import ONCE

ROOM = 24 << 20
# Longer than any test: a disk that answers when the test says so.
FOR_EVER_S = 3600


@pytest.fixture(scope="module")
def stage(program, binary, library, tmp_path_factory):
    """A hub with a Blender; the disk's faults are those of its home."""
    folder = tmp_path_factory.mktemp("disk")
    machine = Machine(library, folder / "machine", folder / "home")
    with Hub(binary, folder / "home", machine.environment) as hub:
        hub.program, hub.machine = program, machine
        hub.start(program, "blender")
        yield hub


@pytest.fixture
def hub(stage):
    yield stage
    stage.machine.mend()


def ask(hub, source, **fields):
    return hub.http.ask("code.run", {"code": source}, wait=False, **dict({"durable": "fsync"}, **fields))


def taken(hub, source, **fields):
    """A job that was acknowledged; its id."""
    answer = ask(hub, source, **fields)
    assert answer.status == 202, (answer.status, answer.body)
    return answer.json["call_id"]


def names_of_jobs(hub):
    return {job["labels"].get("name") for job in hub.http.get("/v1/jobs?limit=1000")["jobs"]}


def killed_and_back(hub):
    hub.kill()
    hub.serve()
    wait_until(lambda: hub.http.request("GET", "/v1/instances/blender").status == 200, 30, "the return")


def test_no_call_waits_for_a_slow_disk(hub, runs):
    """While the disk takes its time for a job, calls run; the job is acknowledged when the disk has it, and not before."""
    answers = []
    hub.machine.slow_down(FOR_EVER_S)
    began, ended = hub.machine.syncs, hub.machine.synced
    asking = threading.Thread(target=lambda: answers.append(ask(hub, runs.code("job"))))
    asking.start()
    wait_until(lambda: hub.machine.syncs > began, what="that the job is being stored")
    for number in range(50):
        assert hub.http.eval("%d + 1" % number) == number + 1
    assert hub.machine.synced == ended and answers == [] and runs.all() == {}
    hub.machine.slow_down(0)
    asking.join(30)
    assert answers[0].status == 202, answers[0].body
    assert hub.http.end(answers[0].json["call_id"])["value"] == "job"
    assert runs.all() == {"job": ONCE}


def test_a_job_is_acknowledged_after_the_disk_has_it(hub, runs):
    hub.machine.slow_down(0.2)
    ids = []
    for number in range(4):
        before = hub.machine.synced
        ids.append(taken(hub, runs.code("job-%d" % number)))
        assert hub.machine.synced > before, "an fsync has ended between the question and the answer"
    hub.machine.slow_down(0)
    assert [hub.http.end(one)["status"] for one in ids] == ["succeeded"] * 4
    assert runs.all() == {"job-%d" % number: ONCE for number in range(4)}


def test_a_full_disk(hub, runs):
    """What is asked for then is refused with what to do, and nothing of it turns up later; what ran ends once and is told when
    there is room."""
    before = taken(hub, runs.code("before"), labels={"name": "before"})
    assert hub.http.end(before)["status"] == "succeeded"
    running = taken(hub, runs.code("running", 1.0), labels={"name": "running"})
    wait_until(lambda: runs.began("running"), what="the start")
    hub.machine.fill_up()
    refused = ask(hub, runs.code("refused"), labels={"name": "refused"}).problem(507, "disk_full")
    assert refused["hint"] and str(hub.home) in refused["message"], refused
    for number in range(20):
        assert hub.http.eval("%d + 1" % number) == number + 1
    assert runs.of("running") == ONCE, "calls of this Blender came after it"
    assert not hub.http.get("/v1/jobs/" + running)["status"] == "succeeded", "nothing is told that is not stored"
    hub.machine.mend()
    assert hub.http.end(running)["value"] == "running"
    after = taken(hub, runs.code("after"), labels={"name": "after"})
    killed_and_back(hub)
    assert hub.http.end(after)["value"] == "after"
    assert hub.http.end(before)["value"] == "before" and hub.http.end(running)["value"] == "running"
    assert {"before", "running", "after"} <= names_of_jobs(hub) and "refused" not in names_of_jobs(hub)
    assert runs.all() == dict.fromkeys(("before", "running", "after"), ONCE)


def test_a_disk_that_breaks(hub, runs):
    """fsync fails: nobody can say what came to the disk. The job is refused, and the next hub does not find it there."""
    before = taken(hub, runs.code("before"), not_before="2100-01-01T00:00:00Z")  # the store's log has a beginning
    hub.machine.break_syncs()
    refused = ask(hub, runs.code("refused"), labels={"name": "broken"}).problem(503, "store_failed")
    assert refused["hint"] and refused["retryable"] is True, refused
    assert hub.http.eval("1 + 1") == 2
    hub.kill()
    hub.machine.mend()
    hub.serve()
    assert "broken" not in names_of_jobs(hub)
    assert hub.http.request("DELETE", "/v1/jobs/" + before).status == 200, "what was acknowledged is there"
    after = taken(hub, runs.code("after"))
    assert hub.http.end(after)["value"] == "after"
    killed_and_back(hub)
    assert hub.http.end(after)["value"] == "after"
    assert "broken" not in names_of_jobs(hub) and runs.all() == {"after": ONCE}


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for a hub, a bridge and a few thousand calls."""
    with disks.small_disk(tmp_path / "disk", ROOM) as place:
        yield place


def test_a_small_disk_with_a_history_runs_full(program, binary, small_disk, runs):
    """As above, on a disk that is really full."""
    with Hub(binary, small_disk / "home") as hub:
        hub.start(program, "blender")
        told = [hub.http.code("%d" % number)["call_id"] for number in range(200)]
        before = taken(hub, runs.code("before"), labels={"name": "before"})
        assert hub.http.end(before)["status"] == "succeeded"
        running = taken(hub, runs.code("running", 1.0), labels={"name": "running"})
        wait_until(lambda: runs.began("running"), what="the start")
        ballast = disks.fill(small_disk)
        # Jobs are taken for as long as the store's own files have room.
        taken_ids, refused = [], None
        while refused is None:
            name = "job-%d" % len(taken_ids)
            answer = ask(hub, "%r" % (name * 2000), labels={"name": name}, not_before="2100-01-01T00:00:00Z")
            if answer.status == 202:
                taken_ids.append(answer.json["call_id"])
            else:
                refused = answer.problem(507, "disk_full")
        assert refused["hint"], refused
        assert hub.http.eval("1 + 1") == 2
        ballast.unlink()
        assert hub.http.end(running)["value"] == "running"
        after = taken(hub, runs.code("after"))
        killed_and_back(hub)
        assert hub.http.end(after)["value"] == "after"
        kept = {"job-%d" % number for number in range(len(taken_ids))} | {"before", "running"}
        assert kept <= names_of_jobs(hub) and "job-%d" % len(taken_ids) not in names_of_jobs(hub)
        assert hub.http.look(told[0])["status"] == "succeeded", "the history is there"
    assert runs.all() == dict.fromkeys(("before", "running", "after"), ONCE)
