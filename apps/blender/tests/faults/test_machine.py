# SPDX-License-Identifier: MIT OR Apache-2.0
"""The machine under the hub: a disk without room in the middle of a call, files of hubs that died, and two hubs on one home with a Blender at work. More of the kind: tests/walk/test_full_disk.py, test_serving.py and
test_leaving.py."""

import json
import os
import subprocess

import disks
import pytest
from hubs import Hub, wait_until
from runs import ONCE

ROOM = 24 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for a hub, a bridge and a few copies."""
    with disks.small_disk(tmp_path / "disk", ROOM) as place:
        yield place


def test_a_value_that_finds_no_room(program, binary, small_disk, runs):
    """The call has run, and says that its value could not be kept. The link and the calls behind it go on."""
    with Hub(binary, small_disk / "home") as hub:
        hub.start(program, "blender")
        link = hub.http.instance("blender")["pid"]
        hub.http.eval(runs.code("first"))
        ballast = disks.fill(small_disk)
        first = hub.http.send(runs.code("large") + "\nbytes(range(256)) * 8000")
        second = hub.http.send(runs.code("small"))
        end = hub.http.end(first)
        assert (end["status"], end["problem"]["code"]) == ("failed", "disk_full"), end
        assert "The call ran" in end["problem"]["message"] and end["problem"]["retryable"] is False
        assert hub.http.end(second)["value"] == "small"
        ballast.unlink()
        answer = hub.http.code("bytes(range(256)) * 8000")
        blob = hub.http.request("GET", "/v1/blobs/" + answer["value"]["$blob"])
        assert blob.body == bytes(range(256)) * 8000
        assert hub.http.instance("blender")["pid"] == link
    assert runs.all() == {"first": ONCE, "large": ONCE, "small": ONCE}


def test_a_second_hub_on_the_same_home_while_a_call_runs(hub, terminal_of, runs):
    """It says that there is one, and takes nothing away from it."""
    call_id = hub.http.send(runs.code("first", 0.8))
    wait_until(lambda: runs.began("first"), what="the start")
    before = (hub.home / "run" / "hub.json").read_bytes()
    done = terminal_of(hub).kapelle("serve", "--listen", "127.0.0.1:0", "--json")
    assert done.code != 0 and done.json["hint"], done
    assert (hub.home / "run" / "hub.json").read_bytes() == before
    assert hub.http.end(call_id)["status"] == "succeeded"
    assert runs.all() == {"first": ONCE}


@pytest.mark.parametrize("left", ("torn", "of a stranger", "of a dead hub"))
def test_files_that_another_hub_left(binary, tmp_path, left):
    """The next hub starts and takes no other process for one of its own."""
    home = tmp_path / "home"
    instances = home / "run" / "instances"
    instances.mkdir(parents=True)
    home.chmod(0o700)
    request = {"app": "blender", "name": "blender", "mode": "background"}
    run = {"name": "blender", "launch": "ab" * 16, "pid": os.getpid(), "born": 1, "request": request}
    hub_json = {"url": "http://127.0.0.1:1", "pid": os.getpid(), "bridge": "127.0.0.1:1"}
    if left == "torn":
        (instances / "blender.json").write_text(json.dumps(run)[:40])
        (home / "run" / "hub.json").write_text(json.dumps(hub_json)[:20])
    else:
        if left == "of a dead hub":
            dead = subprocess.Popen(["true"])
            dead.wait()
            run["pid"] = hub_json["pid"] = dead.pid
        (instances / "blender.json").write_text(json.dumps(run))
        (home / "run" / "hub.json").write_text(json.dumps(hub_json))
    with Hub(binary, home) as hub:
        assert hub.http.get("/v1/instances") == {"instances": []}
        assert json.loads((home / "run" / "hub.json").read_text())["pid"] == hub.process.pid
        assert not (instances / "blender.json").exists()
