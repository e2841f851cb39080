# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official SDK clients, old and new, with a real Blender, over HTTP and over stdio (`kapelle mcp`).

Each client comes as an agent comes: it lists tools, finds a command, runs code and commands, sees a picture, hears
progress, has a destructive call confirmed by its person, cancels. What came of it is looked up at the hub, by its
owner, so that a client is not believed when it says that all went well.
"""

import base64
import json
import struct
import time

import pytest
from hubs import Terminal

from conftest import ListeningHub
from puppet import Line, Puppet, Refused

CLIENTS = (
    ("ts_old", "legacy"),
    ("ts_new", "legacy"),
    ("ts_new", "auto"),
    ("ts_new", "modern"),
    ("py_old", "legacy"),
    ("py_new", "legacy"),
    ("py_new", "auto"),
    ("py_new", "modern"),
)
LINES = [Line(sdk, mode, transport) for transport in ("http", "stdio") for sdk, mode in CLIENTS]
TOOLS = {"code", "describe", "docs", "find", "run", "screenshot", "start", "state", "status", "undo", "wait"}
# After which a cancelled call that still runs was not cancelled.
CANCELLED_S = 20.0
# Tenths of a second: longer than an answer is held back for a client that knows tasks (5 s).
TASK_STEPS = 65

SLOW = """
import kapelle, time
for step in range(%d):
    kapelle.progress(step / %d, "step %%d" %% step)
    time.sleep(0.1)
"done"
"""


@pytest.fixture(scope="module", params=LINES, ids=[line.key for line in LINES])
def client(request, connect):
    """One client on one way, connected for all tests of this module."""
    made = connect(request.param)
    yield made
    assert made.close() == 0, "".join(made.complaints[-60:])


@pytest.fixture
def owner(stage):
    return stage.http


def text_of(result):
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")


def good(result):
    assert not result.get("isError"), result
    return result


def outcome_of(result):
    return result["structuredContent"]


def images_of(result):
    return [block for block in result["content"] if block["type"] == "image"]


def test_it_is_greeted(client):
    hello = client.hello
    assert hello["era"] == client.line.era
    assert hello["version"] == ("2025-11-25" if client.line.era == "legacy" else "2026-07-28")
    # A client that is pinned to a version asks the server nothing before its first call.
    if (client.line.sdk, client.line.mode) != ("py_new", "modern"):
        assert hello["server"]["name"] == "kapelle"
        assert 0 < len(hello["instructions"].encode()) <= 2048


def test_tools_are_few_and_stable(client):
    tools = client.do("tools")["tools"]
    names = [tool["name"] for tool in tools]
    assert names == sorted(names)
    assert TOOLS <= set(names), sorted(TOOLS - set(names))
    assert client.do("tools")["tools"] == tools


def test_a_command_is_found_by_plain_words(client):
    result = good(client.call("find", {"query": "create a cube"}))
    told = text_of(result)
    assert "object.create" in told
    assert len(told.encode()) <= 2048


def test_one_call_is_enough_for_a_sum(client):
    result = good(client.call("code", {"code": "1 + 1"}))
    assert "2" in text_of(result)
    assert outcome_of(result)["value"] == 2


def test_a_mistake_in_code_comes_back_as_text(client):
    result = client.call("code", {"code": "import bpy\nbpy.data.objects['No such thing']"})
    assert result["isError"] is True
    assert "No such thing" in text_of(result)
    assert outcome_of(result)["problem"]["code"]


def test_a_command_runs_and_tells_what_changed(client, owner):
    name = "Crate " + client.line.key
    args = {"kind": "cube", "name": name, "location": [0, 0, 2]}
    result = good(client.call("run", {"command": "object.create", "args": args}))
    assert name in text_of(result)
    assert name in json.dumps(outcome_of(result)["changes"]["added"])
    seen = owner.run("object.get", name=name)
    assert seen["location"] == [0, 0, 2]


def test_wrong_arguments_are_told_before_anything_runs(client):
    result = client.call("run", {"command": "object.create", "args": {"kind": "cub"}})
    assert result["isError"] is True
    assert "cube" in text_of(result)


def test_a_picture_arrives(client):
    result = good(client.call("screenshot", {}, timeout_ms=120_000))
    images = images_of(result)
    assert images, result
    assert images[0]["mimeType"] == "image/png"
    data = base64.b64decode(images[0]["data"])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 64 and height >= 64
    # Clients drop pictures; the text says where it is.
    assert ".png" in text_of(result) or "sha256:" in text_of(result)


def test_progress_arrives_while_code_runs(client):
    call = client.send("call", name="code", arguments={"code": SLOW % (15, 15)}, progress=True)
    first = client.event("progress", id=call)["params"]
    result = good(client.answer(call))
    told = [first, *(event["params"] for event in client.heard("progress", id=call))]
    assert any("step" in (one.get("message") or "") for one in told), told
    assert all(before["progress"] < after["progress"] for before, after in zip(told, told[1:])), told
    assert outcome_of(result)["value"] == "done"


def test_a_person_is_asked_before_something_is_lost(client, owner):
    name = "Vase " + client.line.key
    owner.run("object.create", kind="cube", name=name)
    asked = {"command": "object.delete", "args": {"names": [name]}}

    client.person("decline")
    result = client.call("run", asked)
    question = client.event("elicit")["params"]
    assert "object.delete" in question["message"]
    assert result["isError"] is True, result
    assert owner.run("object.get", name=name)["name"] == name

    client.person("accept", **yes_to(question))
    result = good(client.call("run", asked))
    assert client.event("elicit")
    outcome = owner.call("object.get", {"name": name})
    assert outcome["status"] != "succeeded", outcome


def yes_to(question):
    """The form filled with yes, whatever its one field is called."""
    properties = question["requestedSchema"]["properties"]
    return {name: True for name, schema in properties.items() if schema["type"] == "boolean"}


def test_a_cancelled_call_ends_in_the_app(client, owner):
    call = client.send("call", name="code", arguments={"code": SLOW % (900, 900)}, progress=True)
    client.event("progress", id=call)
    running = [one for one in owner.get("/v1/calls?status=running")["calls"] if one["command"] == "code.run"]
    assert len(running) == 1, running
    client.do("cancel", call=call)
    with pytest.raises(Refused):
        client.answer(call)
    ended = owner.end(running[0]["call_id"], CANCELLED_S)
    assert ended["status"] == "cancelled", ended
    # The way is free again.
    assert outcome_of(good(client.call("code", {"code": "2 + 2"})))["value"] == 4


def test_resources_and_prompts_are_there(client):
    resources = client.do("resources")["resources"]
    assert resources
    contents = client.do("read", uri=resources[0]["uri"])["contents"]
    assert contents[0]["uri"] == resources[0]["uri"]
    assert contents[0].get("text") or contents[0].get("blob")
    assert client.do("templates")["resourceTemplates"]
    prompts = client.do("prompts")["prompts"]
    assert prompts
    arguments = {argument["name"]: "a chair" for argument in prompts[0].get("arguments", [])}
    assert client.do("prompt", name=prompts[0]["name"], arguments=arguments)["messages"]


def test_a_resource_that_changes_is_told(client, owner):
    resources = client.do("resources")["resources"]
    uri = next(one["uri"] for one in resources if "state" in one["uri"])
    client.do("watch", uri=uri)
    owner.run("object.create", kind="cube", name="Watched " + client.line.key)
    assert client.event("updated", params={"uri": uri})


def test_nobody_complained(client):
    """Last: what the client's library did not like on the way, apart from answers that came after their cancel."""
    complaints = [event["params"]["message"] for event in client.heard("trouble")]
    known = ("unknown message ID", "unknown request ID")
    assert not [one for one in complaints if not any(word in one for word in known)], complaints


def test_the_typed_tools_of_an_app(connect, owner):
    """`/mcp/blender`: a command is a tool, by its own schema."""
    client = connect(Line("ts_new", "auto", "http"), path="/mcp/blender")
    tools = {tool["name"]: tool for tool in client.do("tools")["tools"]}
    assert tools["object_delete"]["annotations"]["destructiveHint"] is True
    assert tools["object_list"]["annotations"]["readOnlyHint"] is True
    good(client.call("object_create", {"kind": "cube", "name": "Typed"}))
    assert owner.run("object.get", name="Typed")["name"] == "Typed"
    client.close()


TASKED = (Line("ts_new", "auto", "http"), Line("py_new", "auto", "http"), Line("py_new", "auto", "stdio"))


@pytest.mark.parametrize("line", TASKED, ids=lambda line: line.key)
def test_a_long_call_is_a_task_for_a_client_that_knows_tasks(connect, line, stage):
    client = connect(line, tasks=True)
    result = good(client.call("code", {"code": SLOW % (TASK_STEPS, TASK_STEPS)}))
    assert outcome_of(result)["value"] == "done"
    states = [event["params"]["status"] for event in client.heard("task")]
    assert states[0] == "working" and states[-1] == "completed", states
    client.close()


def test_a_cancelled_task_ends_in_the_app(connect, owner):
    client = connect(Line("ts_new", "auto", "http"), tasks=True)
    call = client.send("call", name="code", arguments={"code": SLOW % (900, 900)})
    client.event("task")
    running = [one for one in owner.get("/v1/calls?status=running")["calls"] if one["command"] == "code.run"]
    assert len(running) == 1, running
    client.do("cancel", call=call)
    with pytest.raises(Refused):
        client.answer(call)
    assert owner.end(running[0]["call_id"], CANCELLED_S)["status"] == "cancelled"
    client.close()


def test_a_client_without_a_person_is_told_how_to_confirm(connect, owner):
    name = "Kept"
    owner.run("object.create", kind="cube", name=name)
    client = connect(Line("ts_old", "legacy", "http"), elicits=False)
    asked = {"command": "object.delete", "args": {"names": [name]}}
    result = client.call("run", asked)
    assert result["isError"] is True
    assert "confirm" in text_of(result)
    problem = outcome_of(result)["problem"]
    assert problem["code"] == "confirmation_required", problem
    good(client.call("run", {**asked, "confirm": problem["details"]["confirm"]}))
    client.close()


def test_callers_are_named_after_their_clients(stage, connect):
    client = connect(Line("ts_old", "legacy", "stdio"), name="painter")
    good(client.call("code", {"code": "40 + 2"}))
    calls = stage.http.get("/v1/calls?limit=5")["calls"]
    assert "painter" in calls[0]["caller"], calls[0]
    client.close()


def test_an_agent_that_comes_to_nothing_pays_one_call(binary, blender, clients, puppets, tmp_path):
    """No hub, no Blender: a client that was started by its person's desk asks for a sum and gets it."""
    home = Terminal(binary, tmp_path / "home", {"KAPELLE_BLENDER": blender.path})
    line = Line("ts_old", "legacy", "stdio")
    config = {"name": "newcomer", "transport": "stdio", "mode": line.mode, "elicits": True}
    config.update(command=str(binary), args=["mcp"], env=home.environment)
    puppet = Puppet(line, [str(clients.node), str(puppets / line.script)], config, home.environment)
    try:
        result = good(puppet.call("code", {"code": "1 + 1"}, timeout_ms=60_000))
        assert outcome_of(result)["value"] == 2
        # What was started for it is said.
        assert "start" in text_of(result).lower(), text_of(result)
        assert [one["name"] for one in home.document("status")["instances"]]
    finally:
        puppet.close()
        home.kapelle("stop", "--hub")
        home.clear()


def test_stdio_survives_a_hub_that_comes_back(binary, clients, puppets, tmp_path):
    """The pipe greets the new hub as the client greeted the old one; the client notices nothing but a failed call."""
    with ListeningHub(binary, tmp_path / "home") as hub:
        for line in (Line("ts_old", "legacy", "stdio"), Line("py_new", "modern", "stdio")):
            config = {"name": "patient", "transport": "stdio", "mode": line.mode, "elicits": False}
            config.update(command=str(binary), args=["mcp"], env=hub.environment)
            program = [str(clients.node)] if line.is_node else [str(clients.python[line.major])]
            puppet = Puppet(line, [*program, str(puppets / line.script)], config, hub.environment)
            try:
                before = puppet.do("tools")["tools"]
                hub.kill()
                hub.serve()
                until = time.monotonic() + 30
                while True:
                    try:
                        assert puppet.do("tools")["tools"] == before
                        break
                    except Refused as refused:
                        assert time.monotonic() < until, refused
                        time.sleep(0.2)
            finally:
                assert puppet.close() == 0
