# SPDX-License-Identifier: MIT OR Apache-2.0
"""POST /v1/calls and what is beside it, against a real Blender: which status, which members, what ran."""

import json
import socket
import time

import pytest
from client import is_end

OUTCOME = {
    "call_id",
    "correlation_id",
    "app",
    "instance",
    "command",
    "subject",
    "caller",
    "status",
    "asked_at",
    "value",
    "output",
    "duration_ms",
    "changes",
    "memory",
}


def nothing_ran(http):
    return [call["call_id"] for call in http.get("/v1/calls?limit=1000")["calls"]]


@pytest.mark.every_blender
def test_a_good_call_has_every_member_of_an_outcome(http):
    outcome = http.code("bpy.data.objects.new('Made', None)\nprint('hello')\n1 + 1", correlation_id="mine-1")
    assert set(outcome) == OUTCOME, set(outcome) ^ OUTCOME
    assert outcome["call_id"].startswith("call_") and outcome["correlation_id"] == "mine-1"
    assert (outcome["app"], outcome["instance"], outcome["command"]) == ("blender", "blender", "code.run")
    assert (outcome["caller"], outcome["status"], outcome["value"]) == ("owner", "succeeded", 2)
    assert outcome["output"] == {"stdout": "hello\n", "stderr": "", "logs": []}
    assert {"type": "object", "name": "Made"} in outcome["changes"]["added"]
    assert outcome["changes"]["removed"] == []
    assert outcome["duration_ms"] > 0
    assert 30 < outcome["memory"]["rss_mb"] < 4000 and isinstance(outcome["memory"]["delta_mb"], float)
    assert outcome["asked_at"].endswith("Z")


@pytest.mark.every_blender
def test_a_call_that_fails_has_run_and_answers_200(http):
    outcome = http.code("print('before')\nraise ValueError('no such luck')")
    assert set(outcome) == OUTCOME | {"problem"}
    assert outcome["status"] == "failed" and outcome["value"] is None
    assert outcome["output"]["stdout"] == "before\n"
    problem = outcome["problem"]
    assert problem["code"] == "code_raised" and "no such luck" in problem["message"]
    assert problem["severity"] == "error" and problem["retryable"] is False
    assert problem["call_id"] == outcome["call_id"]


def test_a_described_command_that_fails_answers_200_as_well(http):
    outcome = http.call("object.get", {"name": "Cub"})
    assert outcome["status"] == "failed"
    assert outcome["problem"]["code"] == "not_found"
    assert "Cube" in outcome["problem"]["hint"]


def test_what_is_wrong_with_a_request_is_said_and_nothing_runs(http):
    before = nothing_ran(http)
    object_create = "object.create"
    cases = [
        (400, "arguments_invalid", dict(command=object_create, args={})),
        (400, "arguments_invalid", dict(command=object_create, args={"kind": "cub"})),
        (400, "arguments_invalid", dict(command=object_create, args={"kind": "cube", "sise": 2})),
        (400, "arguments_invalid", dict(command=object_create, args={"kind": "cube", "location": [0, 0]})),
        (400, "arguments_invalid", dict(command="code.run", args={"code": 5})),
        (404, "command_unknown", dict(command="object.creat", args={})),
        (404, "app_unknown", dict(command=object_create, args={}, app="blendr")),
        (404, "instance_unknown", dict(command="scene.get", args={}, instance="blendre")),
    ]
    for status, code, fields in cases:
        problem = http.ask(**fields).problem(status, code)
        assert problem["hint"], problem
    bodies = [b"", b"{", b"[]", b'{"app":"blender"}', b'"text"', b"\xff\xfe", b'{"app":"blender","command":5}']
    for body in bodies:
        answer = http.request("POST", "/v1/calls", body, {"Content-Type": "application/json"})
        answer.problem(400, "body_malformed")
    unknown = dict(app="blender", command="scene.get", args={}, tiemout_ms=5)
    http.request("POST", "/v1/calls", unknown).problem(400, "body_malformed")
    assert nothing_ran(http) == before


def test_hints_name_what_was_meant(http):
    assert "object.create" in http.ask("object.creat").json["hint"]
    assert "blender" in http.ask("scene.get", app="blendr").json["hint"]
    assert "blender" in http.ask("scene.get", instance="blendre").json["hint"]
    assert "kind" in http.ask("object.create", {"knd": "cube"}).json["hint"]


def test_check_only_validates_and_runs_nothing(http):
    before = nothing_ran(http)
    answer = http.ask("object.create", {"kind": "cube"}, check_only=True)
    assert answer.status == 200
    told = answer.json
    assert told["checked"] is True and told["command"] == "object.create" and told["effect"] == "write"
    assert told["args"]["kind"] == "cube" and told["args"]["size"] == 2.0
    http.ask("object.create", {"kind": "cub"}, check_only=True).problem(400, "arguments_invalid")
    assert nothing_ran(http) == before
    assert http.run("object.list")["total"] == 3


def test_not_waiting_gives_202_and_the_call_goes_on(http):
    answer = http.ask("code.run", {"code": "import time\nfor _ in range(30): time.sleep(0.01)\n'done'"}, wait=False)
    assert answer.status == 202
    assert answer.json["status"] in ("queued", "running") and answer.json["call_id"]
    ended = http.end(answer.json["call_id"])
    assert (ended["status"], ended["value"]) == ("succeeded", "done")


def test_waiting_for_so_long_gives_202_when_that_has_passed(http):
    slow = "import time\nfor _ in range(100): time.sleep(0.01)\n'late'"
    began = time.monotonic()
    answer = http.ask("code.run", {"code": slow}, wait=150)
    took = time.monotonic() - began
    assert answer.status == 202 and answer.json["status"] == "running", answer.body
    assert 0.1 < took < 0.9
    assert http.end(answer.json["call_id"])["value"] == "late"
    quick = http.ask("code.run", {"code": "'soon'"}, wait=5000)
    assert (quick.status, quick.json["value"]) == (200, "soon")


def test_a_look_can_wait_for_the_end(http):
    call_id = http.send("import time\nfor _ in range(40): time.sleep(0.01)\n7")
    assert not is_end(http.look(call_id)["status"])
    began = time.monotonic()
    ended = http.get("/v1/calls/%s?wait_ms=20000" % call_id)
    assert ended["value"] == 7 and time.monotonic() - began < 5
    http.request("GET", "/v1/calls/call_nosuch").problem(404, "call_unknown")
    http.request("GET", "/v1/calls/%s?wait_ms=soon" % call_id).problem(400, "arguments_invalid")


@pytest.mark.one_blender
def test_a_client_that_goes_away_cancels_nothing(http):
    body = {
        "app": "blender",
        "command": "code.run",
        "args": {"code": "import time\ntime.sleep(0.5)\n_result = 'went on'"},
    }
    address = http.address.split(":")
    text = json.dumps(body).encode()
    head = "POST /v1/calls HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n" % (http.address, http.token)
    head += "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)
    connection = socket.create_connection((address[0], int(address[1])))
    before = nothing_ran(http)
    connection.sendall(head.encode() + text)
    until = time.monotonic() + 10
    while nothing_ran(http) == before and time.monotonic() < until:
        time.sleep(0.01)
    connection.close()
    new = [call for call in nothing_ran(http) if call not in before]
    assert len(new) == 1
    assert http.end(new[0])["value"] == "went on"


@pytest.mark.every_blender
def test_what_happens_is_streamed_while_it_happens(http):
    source = """
import time, sys, logging
for n in range(4):
    print('line', n, flush=True)
    kapelle.progress(n / 4, 'step %d' % n)
    time.sleep(0.15)
print('oops', file=sys.stderr)
logging.getLogger('mine').warning('careful')
time.sleep(0.3)
print('the end')
'end'
"""
    events = list(http.follow(source))
    names = [name for name, _, _ in events]
    assert names[0] in ("queued", "started") and names[-1] == "ended" and names.count("ended") == 1
    ended = events[-1][1]
    assert ended["status"] == "succeeded" and ended["value"] == "end"
    assert {data["call_id"] for _, data, _ in events} == {ended["call_id"]}
    texts = {}
    for name, data, _ in events:
        if name == "output":
            texts[data["stream"]] = texts.get(data["stream"], "") + data["text"]
    lines = "".join("line %d\n" % n for n in range(4))
    # What is printed right before the end may come with the outcome only.
    assert ended["output"]["stdout"] == lines + "the end\n" and texts["stdout"] in (lines, lines + "the end\n")
    assert texts["stderr"] == ended["output"]["stderr"] == "oops\n"
    assert json.loads(texts["log"])["text"] == "careful" and ended["output"]["logs"][0]["text"] == "careful"
    # The first line came well before the end: it was told as it happened.
    first = next(at for name, _, at in events if name == "output")
    assert events[-1][2] - first > 0.3
    fractions = [data["progress"]["fraction"] for name, data, _ in events if name == "progress"]
    assert fractions and fractions == sorted(fractions) and fractions[-1] <= 0.75


def test_a_running_call_can_be_followed_later_and_its_progress_seen(http):
    call_id = http.send("import time\nkapelle.progress(0.25, 'a quarter')\nfor _ in range(60): time.sleep(0.01)\n1")
    until = time.monotonic() + 10
    while "progress" not in http.look(call_id):
        assert time.monotonic() < until
        time.sleep(0.01)
    told = http.look(call_id)
    assert told["progress"] == {"fraction": 0.25, "text": "a quarter"} and told["status"] == "running"
    events = list(http.events("GET", "/v1/calls/%s/events" % call_id))
    assert events[-1][0] == "ended" and events[-1][1]["value"] == 1
    # After the end it is a stream of one event.
    assert [name for name, _, _ in http.events("GET", "/v1/calls/%s/events" % call_id)] == ["ended"]


@pytest.mark.one_blender
def test_history_pages_and_filters(http):
    made = [http.code(str(n))["call_id"] for n in range(5)]
    made.append(http.code("1/0")["call_id"])
    told = http.get("/v1/calls?limit=3")
    assert [call["call_id"] for call in told["calls"]] == made[:2:-1]
    assert told["since"].endswith("Z")
    older = http.get("/v1/calls?limit=2&before=" + made[3])
    assert [call["call_id"] for call in older["calls"]] == [made[2], made[1]]
    failed = http.get("/v1/calls?limit=1&status=failed")["calls"]
    assert [call["call_id"] for call in failed] == [made[-1]]
    assert http.get("/v1/calls?instance=nobody")["calls"] == []
    assert http.get("/v1/calls?app=blender&instance=blender&limit=1")["calls"][0]["call_id"] == made[-1]
    http.request("GET", "/v1/calls?status=odd").problem(400, "arguments_invalid")
    http.request("GET", "/v1/calls?limt=1").problem(400, "arguments_invalid")


@pytest.mark.one_blender
def test_blobs_go_in_by_put_and_come_out_whole_or_in_part(http):
    data = bytes(range(256)) * 5000
    answer = http.request("PUT", "/v1/blobs", data)
    assert answer.status == 201 and answer.json["bytes"] == len(data)
    name = answer.json["$blob"]
    assert name.startswith("sha256:") and len(name) == 7 + 64
    assert http.request("PUT", "/v1/blobs", data).json["$blob"] == name
    whole = http.request("GET", "/v1/blobs/" + name)
    assert whole.status == 200 and whole.body == data
    part = http.request("GET", "/v1/blobs/" + name, headers={"Range": "bytes=1000-1003"})
    assert part.status == 206 and part.body == data[1000:1004]
    assert part.headers["content-range"] == "bytes 1000-1003/%d" % len(data)
    http.request("GET", "/v1/blobs/" + name, headers={"Range": "bytes=%d-" % len(data)}).problem(416, "range_invalid")
    http.request("GET", "/v1/blobs/sha256:" + "0" * 64).problem(404, "blob_unknown")
    http.request("GET", "/v1/blobs/..%2f..%2ftokens%2fowner").problem(404, "blob_unknown")


def test_the_state_is_what_there_is(http):
    http.run("object.create", kind="cube", name="Seen")
    until = time.monotonic() + 5
    while True:
        told = http.get("/v1/instances/blender/state")
        if "Seen" in json.dumps(told["state"]):
            break
        assert time.monotonic() < until, told
        time.sleep(0.05)
    assert told["instance"] == "blender" and told["connected"] is True
    assert told["revision"] >= 1 and told["age_ms"] < 60000 and told["as_of"].endswith("Z")
    revision = told["revision"]
    http.run("object.delete", name="Seen")
    until = time.monotonic() + 5
    while http.get("/v1/instances/blender/state")["revision"] <= revision:
        assert time.monotonic() < until
        time.sleep(0.05)
    http.request("GET", "/v1/instances/nobody/state").problem(404, "instance_unknown")


def test_the_lists_of_apps_commands_and_instances(http, program):
    apps = [app for app in http.get("/v1/apps")["apps"] if app["app"] == "blender"]
    assert apps[0]["instances"] == ["blender"] and apps[0]["announced"] is False
    commands = http.get("/v1/apps/blender/commands")["commands"]
    assert len(commands) == apps[0]["commands"] > 20
    for spec in commands:
        assert spec["effect"] in ("read", "write", "destructive", "code") and spec["summary"]
        assert spec["args"]["type"] == "object"
        assert http.get("/v1/apps/blender/commands/" + spec["name"]) == spec
    kinds = next(s for s in commands if s["name"] == "object.create")["args"]["properties"]["kind"]["enum"]
    assert {"cube", "sphere"} <= set(kinds)
    http.request("GET", "/v1/apps/blendr/commands").problem(404, "app_unknown")
    view = http.instance("blender")
    assert [one["pid"] for one in http.get("/v1/instances")["instances"]] == [view["pid"]]
    assert view["mode"] == ("module" if program.is_module else "background")
    assert view["started_by_hub"] is True and view["restarts"] == 0 and view["state"] == "idle"
    assert view["version"][0].isdigit() and view["bridge_version"]


@pytest.mark.one_blender
def test_openapi_describes_every_route_that_answers(http):
    document = http.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for name in [spec["name"] for spec in http.get("/v1/apps/blender/commands")["commands"]]:
        assert "blender." + name in text
    for path in ("/v1/calls", "/v1/instances", "/v1/blobs/{name}", "/healthz"):
        assert path in document["paths"]
