# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an answer advises is done to the letter, by the same door: it must not fail by its form.

In: answers of every tool, good and bad ones. Out of each, every `tool {…}` in its text; it is called with just these
arguments. What stands for something (`…`) is put in from what the same hub has told.
"""

import json
import re

import pytest
from mcp import Mcp

# What a step may not be refused for: its form. (There may be nothing to undo, or nobody to wait for.)
FORM = (
    "There is no argument",
    "is missing",
    "is invalid",
    "has none of its possible forms",
    "Unknown tool",
    "has no command",
    "There is no command",
)
GAP = "…"

pytestmark = pytest.mark.one_blender


@pytest.fixture
def mcp(http):
    return Mcp(http)


def steps(text, names):
    """Every `tool {…}` in a text, as (tool, arguments as they stand)."""
    found = []
    for match in re.finditer(r"\b(%s) (?=\{)" % "|".join(names), text):
        depth = 0
        for at in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                found.append((match[1], text[match.end() : at + 1]))
                break
    return found


def filled(arguments, known, examples):
    """The arguments of a step, with what stands for something put in; for a command's own arguments its example."""
    text = arguments
    command = re.search(r'"command": "(\w+\.\w+)"', text)
    known = dict(known, args=examples[command[1]] if command else {"kind": "cube"})
    for name, value in known.items():
        whole = json.dumps(value)
        text = re.sub(r'"%s": ("%s"|%s)' % (name, GAP, GAP), lambda _: '"%s": %s' % (name, whole), text)
    text = re.sub(r", %s(?=})" % GAP, lambda _: ', "call_id": %s' % json.dumps(known["call_id"]), text)
    return json.loads(text)


def asked(http, mcp):
    """What is asked of the hub to hear its advice: (tool, arguments)."""
    made = http.call("object.create", {"kind": "cube", "name": "Advised"})["call_id"]
    failed = http.call("object.get", {"name": "Cub"})["call_id"]
    job = http.ask("object.list", durable=True, wait=True).json["call_id"]
    return made, [
        ("code", {"code": "1 + 1"}),
        ("code", {"code": "bpy.data.objects['Advised'].location.x = 3"}),
        ("code", {"code": "nonsense"}),
        ("code", {"code": "bpy.ops.wm.quit_blender()"}),
        ("code", {"kode": "1"}),
        ("run", {"command": "object.create", "args": {"kind": "cube"}}),
        ("run", {"command": "object.list"}),
        ("run", {"command": "object.create", "args": {"kind": "cub"}}),
        ("run", {"command": "object.creat"}),
        ("run", {"command": "object.get", "args": {"name": "Cub"}}),
        ("run", {"command": "object.delete", "args": {"name": "Advised"}, "check_only": True}),
        ("run", {"command": "object.list", "app": "blendr"}),
        ("run", {"command": "object.list", "instance": "blendre"}),
        ("run", {"command": "modifier.add", "args": {"object": "Advised", "kind": "bevel", "settings": {"nope": 1}}}),
        ("find", {"query": "make it red"}),
        ("find", {"query": "zzzz"}),
        ("describe", {}),
        ("describe", {"command": "object.create"}),
        ("docs", {"query": "bevel"}),
        ("docs", {}),
        ("history", {}),
        ("history", {"call_id": made}),
        ("history", {"call_id": failed}),
        ("history", {"call_id": "call_nobody"}),
        ("jobs", {"verb": "list"}),
        ("jobs", {"verb": "show", "call_id": job}),
        ("jobs", {"verb": "show"}),
        ("jobs", {"verb": "pause"}),
        ("wait", {"call_id": made}),
        ("wait", {"call_id": "call_nobody"}),
        ("cancel", {"call_id": made}),
        ("screenshot", {"views": "front", "width": 64}),
        ("state", {}),
        ("status", {}),
        ("start", {"mode": "gui", "app": "blendr"}),
        ("undo", {"steps": 1, "call": made}),
        ("undo", {"call": "call_nobody"}),
        ("undo", {"steps": 250}),
        ("undo", {"call": made}),
    ]


def test_every_step_that_a_tool_advises_can_be_done(http, mcp):
    names = [tool["name"] for tool in mcp.tools()]
    made, questions = asked(http, mcp)
    told = [("the server's own words", mcp.server["instructions"])]
    told += [("the description of %s" % tool["name"], tool["description"]) for tool in mcp.tools()]
    told += [(json.dumps(question), mcp.tool(*question)[1]) for question in questions]
    known = {
        "call_id": made,
        "call": made,
        "command": "object.create",
        "query": "make it red",
    }
    examples = {one["name"]: one["example"] for one in http.get("/v1/apps/blender/commands")["commands"]}
    done = {}
    for where, text in told:
        found = steps(text, names)
        for tool, written in found:
            arguments = filled(written, known, examples)
            key = (tool, json.dumps(arguments, sort_keys=True))
            if key not in done:
                done[key] = mcp.tool(tool, arguments)
            well, answer = done[key]
            assert well or not any(sign in answer for sign in FORM), (where, tool, written, answer)
    # Enough of them that this looks at something.
    assert len(done) >= 12, sorted(done)
    assert {"undo", "history", "screenshot", "state", "describe", "run", "find"} <= {tool for tool, _ in done}


def test_the_history_leads_to_an_undo_that_takes_the_call_back(http, mcp):
    names = [tool["name"] for tool in mcp.tools()]
    well, text = mcp.tool("run", {"command": "object.create", "args": {"kind": "cube", "name": "Undone"}})
    assert well, text
    call = re.search(r"call_\w+", text)[0]
    written = next(written for tool, written in steps(mcp.tool("history", {})[1], names) if tool == "undo")
    well, text = mcp.tool("undo", filled(written, {"call": call, "call_id": call}, {}))
    assert well, text
    assert "Undone" not in [one["name"] for one in http.run("object.list")["objects"]]


def test_no_undo_is_promised_where_there_is_none(http, mcp):
    confirm = re.search(r'"confirm": "([^"]+)"', mcp.tool("run", {"command": "file.new"})[1])
    arguments = {"command": "file.new", **({"confirm": confirm[1]} if confirm else {})}
    well, text = mcp.tool("run", arguments)
    assert well, text
    assert "undo {}" not in text and "cannot be undone" in text, text
    outcome = http.call("file.new")
    assert outcome["changes"]["cannot_undo"] == "It opened another file."
    assert "cannot_undo" not in http.call("object.create", {"kind": "cube"})["changes"]


@pytest.mark.parametrize(
    "command, args",
    [
        ("modifier.add", {"kind": "bevel", "settings": {"width": 0.1, "nope": 1}}),
        ("constraint.add", {"kind": "copy_location", "target": "nobody"}),
    ],
)
def test_what_was_taken_back_is_not_told_as_made(http, command, args):
    http.run("object.create", kind="cube", name="Kept")
    steps_before = http.run("history.list")["calls"]
    outcome = http.call(command, dict(args, object="Kept"))
    assert outcome["status"] == "failed"
    assert outcome["changes"] == {"added": [], "changed": [], "removed": []}
    assert http.run("history.list")["calls"] == steps_before, "and it is no undo step"


def test_what_hints_name_is_there(http):
    """Routes, commands and tools in the hints of problems."""
    routes = http.get("/openapi.json")["paths"]
    commands = {one["name"] for one in http.get("/v1/apps/blender/commands")["commands"]}
    asked = [
        dict(command="object.creat"),
        dict(command="object.create", args={"kind": "cub"}),
        dict(command="object.create", args={"kind": "cube", "nmae": "x"}),
        dict(command="object.list", app="blendr"),
        dict(command="object.list", instance="blendre"),
        dict(command="object.list", timeout_ms=0),
        dict(command="object.list", timeout=5),
        dict(command="object.list", args="[1]"),
        dict(command="object.list", priority=3),
    ]
    hints = [http.ask(**fields).json["hint"] for fields in asked]
    hints += [
        http.call(*one)["problem"].get("hint") or ""
        for one in (
            ("object.get", {"name": "Cub"}),
            ("file.open", {"path": "/nowhere/at/all.blend"}),
            ("code.run", {"code": "bpy.ops.wm.quit_blender()"}),
            ("code.run", {"code": "bpy.data.objects['nobody']"}),
            ("history.revert", {"id": "call_nobody"}),
            ("modifier.add", {"object": "Cub", "kind": "bevel"}),
        )
    ]
    for path in ("/v1/calls/call_nobody", "/v1/jobs/call_nobody", "/v1/instances/nobody", "/v1/blobs/x", "/v1/nothing"):
        hints.append(http.request("GET", path).json["hint"])
    looked = 0
    for hint in hints:
        for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w./{}-]*[\w}])", hint):
            looked += 1
            fits = [known for known in routes if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)]
            assert any(method.lower() in routes[known] for known in fits), hint
        for noun, verb in re.findall(r"`([a-z]+)\.([a-z_]+)`", hint):
            if any(name.startswith(noun + ".") for name in commands):
                looked += 1
                assert "%s.%s" % (noun, verb) in commands, hint
    assert looked >= 3, hints
