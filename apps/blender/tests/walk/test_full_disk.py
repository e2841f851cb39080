# SPDX-License-Identifier: MIT OR Apache-2.0
"""A home folder on a disk without room: a helpful sentence, and a hub that lives on.

As root on a small tmpfs of its own. Without root the limit is one on the size of a file (RLIMIT_FSIZE), which the
system tells in another way; then only that the hub lives is looked at.
"""

import os
import resource
import signal

import disks
import pytest
from hubs import Hub, Terminal, wait_until

ROOM = 3 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 3 MiB."""
    with disks.small_disk(tmp_path / "disk", ROOM) as place:
        yield place


@pytest.fixture
def full(binary, small_disk):
    with Hub(binary, small_disk / "home") as made:
        yield made


def test_a_blob_that_finds_no_room_is_refused_and_the_hub_lives(full):
    small = full.http.request("PUT", "/v1/blobs", b"x" * 1000)
    assert small.status == 201
    problem = full.http.request("PUT", "/v1/blobs", b"y" * (ROOM + 1)).problem(507, "disk_full")
    assert problem["retryable"] is True and "KAPELLE_HOME" in problem["hint"]
    assert os.listdir(full.home / "blobs") == [small.json["$blob"].removeprefix("sha256:")], "no draft is left"
    # The room that the half blob took is free again.
    assert full.http.request("PUT", "/v1/blobs", b"z" * (1 << 20)).status == 201
    assert full.http.request("GET", "/v1/blobs/" + small.json["$blob"]).body == b"x" * 1000


def test_a_token_that_finds_no_room_is_refused_and_nothing_is_broken(full):
    full.caller("before", "read")
    disks.fill(full.home)
    answer = full.http.request("POST", "/v1/tokens", {"name": "after", "scopes": ["read"], "ask": []})
    assert answer.status == 507 or answer.json["code"] == "disk_full", answer.body
    names = [token["name"] for token in full.http.get("/v1/tokens")["tokens"]]
    assert names == ["before"]
    (full.home / "ballast").unlink()
    full.caller("after", "read")


def test_a_start_that_finds_no_room_says_so(full):
    """The bridge is laid out in the home folder before Blender is started."""
    disks.fill(full.home)
    answer = full.http.request("POST", "/v1/instances", {"app": "blender", "program": "/bin/true"})
    assert answer.status in (503, 507), answer.body
    assert "room" in answer.json["message"] or "space" in answer.json["message"].lower(), answer.json
    assert full.http.get("/v1/instances") == {"instances": []}


def test_a_hub_that_finds_no_room_to_begin_says_so(binary, small_disk):
    terminal = Terminal(binary, small_disk / "home")
    disks.fill(small_disk)
    done = terminal.kapelle("serve", "--listen", "127.0.0.1:0", "--json")
    assert done.code != 0 and done.json["code"] in ("disk_full", "home_unsafe"), done
    assert done.json["hint"]


def test_a_limit_on_file_sizes_does_not_end_the_hub(binary, tmp_path):
    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    with Hub(binary, tmp_path / "home", limits=limits) as hub:
        answer = hub.http.request("PUT", "/v1/blobs", b"x" * (4 << 20))
        assert answer.status >= 400 and answer.json["hint"], answer.body
        assert hub.http.request("PUT", "/v1/blobs", b"x" * 1000).status == 201
        assert os.listdir(hub.home / "blobs") and not [n for n in os.listdir(hub.home / "blobs") if "draft" in n]


@pytest.mark.parametrize("way", ["kill", "terminate"])
def test_a_hub_starts_where_there_is_no_room_and_says_so(full, way):
    job = {"app": "blender", "command": "code.run", "args": {"code": "1"}, "durable": True, "wait": False}
    later = dict(job, not_before="2100-01-01T00:00:00Z")
    kept = full.http.request("POST", "/v1/calls", later).json["call_id"]
    wait_until((full.home / "run" / "reserve").exists, what="the room that is kept back")
    if way == "kill":
        disks.fill(full.home.parent)
        full.kill()
    else:
        full.terminate()
        disks.fill(full.home.parent)
    full.serve()
    disks.fill(full.home.parent)  # what was kept back is gone as well
    wait_until(lambda: full.document("status")["hub"]["disk_full"], what="the look at the room")
    assert "no room is left" in full.kapelle("status").out
    found = [one for one in full.document("doctor", code=1)["checks"] if one["name"] == "disk"]
    assert found and found[0]["status"] == "fail" and found[0]["fix"], found
    # It reads what there is,
    assert full.http.get("/v1/jobs/" + kept)["status"] == "queued"
    assert full.http.request("GET", "/v1/calls").status == 200
    # and every write is refused with the same code and a hint.
    for method, path, body in [
        ("POST", "/v1/calls", job),
        ("POST", "/v1/calls", dict(later, args={"code": "x" * 300_000})),
        ("PUT", "/v1/blobs", b"x" * 300_000),
        ("POST", "/v1/tokens", {"name": "after", "scopes": ["read"], "ask": []}),
    ]:
        problem = full.http.request(method, path, body).problem(507, "disk_full")
        assert problem["hint"] and problem["retryable"] is True, problem
    (full.home.parent / "ballast").unlink()
    wait_until(lambda: not full.document("status")["hub"]["disk_full"], what="room again")
    assert full.http.request("POST", "/v1/calls", later).status == 202
    wait_until((full.home / "run" / "reserve").exists, what="the room that is kept back")
