# SPDX-License-Identifier: MIT OR Apache-2.0
"""Situations that make Kapelle give advice, as questions; and the advice that leaves nothing to type.

`{made}` and the like stand for what the same hub has told. A situation says with `wrong` which word of it is wrong, with
`by` who asks, with `doors` where alone it can be asked, with `of` which call a look is about, with `first` what is
done before.
"""

from collections import namedtuple

from advice import HTTP, MCP, TERMINAL
from doors import Call, Lines, Request, Tool

Situation = namedtuple("Situation", "question wrong by doors of first", defaults=(None, None, (), None, None))
NOT_MCP = (TERMINAL, HTTP)
NOT_TERMINAL = (HTTP, MCP)

ENDLESS = Call("code.run", {"code": "while True: pass"}, timeout_ms=200)
WEAK = {"settings": {"widht": 1}, "object": "Kept", "kind": "bevel"}
NO_COPY = Call("object.get", {"name": "Cub"})
NONE_FITS = {"version": "1.0"}
DRAIN = Request("POST", "/v1/jobs/queue", {"app": "blender", "drain": True})
WAITING = Call("code.run", {"code": "import time\nfor _ in range(20): time.sleep(0.02)"}, wait=False)
RUNNING = Request("POST", "/v1/calls", WAITING.body())
PAUSE = Request("POST", "/v1/jobs/queue", {"app": "blender", "paused": True})

CALLS = [
    Situation(Call("object.creat"), "object.creat"),
    Situation(Call("object.list", app="blendr"), "blendr"),
    Situation(Call("object.list", instance="blendre"), "blendre"),
    Situation(Call("object.create", {"kind": "cub"})),
    Situation(Call("object.create")),
    Situation(Call("object.create", {"kind": "cube", "nmae": "x"}), "nmae"),
    Situation(Call("object.create", {"kind": "cube", "size": "big"}), "big"),
    Situation(Call("object.list", timeout_ms=0), doors=(HTTP,)),
    Situation(Call("object.list", instance="*", durable=True)),
    Situation(Call("object.list", instance="blender", select={"mode": "background"}), doors=(HTTP,)),
    Situation(Call("object.list", priority=3), doors=(HTTP,)),
    Situation(Call("object.create", {"kind": "cube"}, revision=123456), doors=NOT_MCP),
    Situation(NO_COPY, "Cub"),
    Situation(Call("file.import", {"path": "{files}/kep.blend"}), "kep.blend"),
    Situation(Call("file.import", {"path": "{files}/nowhere/kept.blend"})),
    Situation(Call("file.import", {"path": "{files}"})),
    Situation(Call("file.import", {"path": "{files}/model.xyz"})),
    Situation(Call("file.save", {"path": "{files}/kept.blend"})),
    Situation(Call("render.frames", {"path": "{files}/model.xyz", "frames": [1]})),
    Situation(Call("file.save", {"path": "/somewhere/else.blend"}), by="breaker"),
    Situation(Call("object.create", {"kind": "cube"}), by="reader"),
    Situation(Call("code.run", {"code": "1"}), by="breaker"),
    Situation(Call("object.delete", {"name": "Spare"}), by="asked"),
    Situation(Call("object.delete")),
    Situation(Call("object.rename", {"name": "Kept", "to": "Cube"})),
    Situation(Call("material.set", {"name": "Grey"})),
    Situation(Call("code.run", {"code": "nonsense("})),
    Situation(Call("code.run", {"code": "nonsense"})),
    Situation(Call("code.run", {"code": "bpy.data.objects['nobody']"})),
    Situation(Call("code.run", {"code": "bpy.ops.mesh.primitive_cub_add()"}), "mesh.primitive_cub_add"),
    Situation(Call("code.run", {"code": "bpy.context.object.locaton"}), "locaton"),
    Situation(Call("code.run", {"code": "raise ValueError('x')"}), doors=(MCP,)),
    Situation(ENDLESS),
    Situation(Call("history.revert", {"id": "call_nobody"})),
    Situation(Call("history.revert", {"id": "{made}"}), doors=NOT_TERMINAL),
    Situation(Lines(["revert", "{made}"])),
    Situation(Call("history.undo", {"steps": 250})),
    Situation(Call("history.redo", {"steps": 250})),
    Situation(Call("object.create", {"kind": "cube"}, durable=True, idempotency_key="{key}"), doors=NOT_MCP),
    Situation(Call("object.list", durable=True, after=["call_nobody"]), doors=NOT_MCP),
    Situation(Call("object.list", durable=True, after=["{failed}"]), doors=NOT_MCP),
    Situation(Call("object.list", durable=True, deadline="soon"), "soon", doors=(HTTP,)),
    Situation(Call("object.list", durable=True, wait=False), doors=NOT_MCP, first=DRAIN),
    Situation(Call("modifier.add", {"object": "Kept", "kind": "bevl"}), "bevl"),
    Situation(Call("modifier.add", WEAK), "widht"),
    Situation(Call("constraint.add", {"object": "Kept", "kind": "copy_location", "target": "nobody"})),
    Situation(Call("scene.set", {"scene": "nobody"})),
]

LINES = [
    ("describe blender object.creat", {"wrong": "object.creat"}),
    ("commands blendr", {"wrong": "blendr"}),
    ("state nobody", {}),
    ("stop blendr", {"wrong": "blendr"}),
    ("start blendr --name blender", {"wrong": "blendr"}),
    ("start comfyui", {}),
    ("start blender --gui", {}),
    ("start blender --name hub", {}),
    ("history call_nobody", {}),
    ("history {failed_call}", {"wrong": "Cub", "of": NO_COPY}),
    ("jobs show {failed}", {"wrong": "Cub", "of": NO_COPY}),
    ("jobs show {late}", {}),
    ("jobs show {behind}", {}),
    ("jobs show call_nobody", {}),
    ("jobs edit {failed} --priority 9", {}),
    ("jobs list --status asleep", {}),
    ("jobs list", {"first": PAUSE}),
    ("revert {undone}", {}),
    ("blob get sha256:00000000", {}),
    ("token revoke nobody", {}),
    ("token revoke owner", {}),
    ("token create a/b --scope read", {}),
    ("token create spare --scope read", {}),
    ("recover nobody", {}),
    ("render /nowhere/shot.blend", {}),
    ("adopt 1", {}),
    ("watch --topics weather", {}),
    ("run blender object.create kind", {}),
    ("run blender object.create kind=cube kind=cube", {}),
    ("run blender object.create --args [1]", {}),
]

REQUESTS = [
    (("GET", "/v1/calls/call_nobody"), {}),
    (("GET", "/v1/calls?status=asleep"), {}),
    (("GET", "/v1/calls/{failed_call}"), {"wrong": "Cub", "of": NO_COPY}),
    (("GET", "/v1/jobs/call_nobody"), {}),
    (("GET", "/v1/jobs?status=asleep"), {}),
    (("GET", "/v1/jobs?order=up"), {}),
    (("GET", "/v1/jobs?cursor=x"), {}),
    (("GET", "/v1/jobs/{late}"), {}),
    (("GET", "/v1/jobs/{behind}"), {}),
    (("PATCH", "/v1/jobs/{failed}", {"priority": 9}), {}),
    (("PATCH", "/v1/jobs/{queued}", {"status": "succeeded"}), {}),
    (("PATCH", "/v1/jobs/{queued}", {"deadline": "soon"}), {"wrong": "soon"}),
    (("GET", "/v1/nothing"), {}),
    (("GET", "/v1/instances/nobody"), {}),
    (("POST", "/v1/instances", {"app": "blendr", "name": "blender"}), {"wrong": "blendr"}),
    (("POST", "/v1/instances", {"app": "comfyui"}), {}),
    (("POST", "/v1/instances", {"app": "blender", "name": "hub"}), {}),
    (("POST", "/v1/instances", {"app": "blender", "name": "x", "memory_mb": 0}), {}),
    (("POST", "/v1/instances", {"app": "blender", "name": "x", "mode": "gui"}), {}),
    (("GET", "/v1/apps/blender/commands/object.creat"), {"wrong": "object.creat"}),
    (("GET", "/v1/batches/batch_x"), {}),
    (("GET", "/v1/blobs/sha256:" + "0" * 64), {}),
    (("GET", "/v1/events?topics=weather"), {}),
    (("POST", "/v1/calls", b'{"app":"blender","command":"object.list"}', {"Content-Type": "text/plain"}), {}),
    (("GET", "/v1/instances", None, {"Authorization": "Bearer wrong"}), {}),
    (("GET", "/v1/instances", None, {"Host": "evil.example"}), {}),
    (("GET", "/v1/instances", None, {"Origin": "https://evil.example"}), {}),
    (("POST", "/v1/tokens", {"name": "spare", "scopes": ["read"]}), {}),
    (("POST", "/v1/tokens", {"name": "odd", "scopes": ["fly"]}), {}),
    (("POST", "/v1/tokens", {"name": "late", "scopes": ["read"], "expires_at": "soon"}), {"wrong": "soon"}),
    (("GET", "/v1/ws"), {}),
    (("POST", "/v1/calls", Call("object.list", timeout=5).body()), {"wrong": "timeout"}),
]

TOOLS = [
    ("code", {"code": "1 + 1"}, {}),
    ("code", {"code": "bpy.data.objects['Kept'].location.x += 3"}, {}),
    ("code", {"kode": "1"}, {"wrong": "kode"}),
    ("run", {"command": "object.create", "args": {"kind": "cube"}}, {}),
    ("run", {"command": "object.list"}, {}),
    ("run", {"command": "object.delete", "args": {"name": "Spare"}, "check_only": True}, {}),
    ("run", {"command": "nothing.at_all"}, {}),
    ("run", {"command": "object.list", "durable": True}, {"first": DRAIN}),
    ("find", {"query": "make it red"}, {}),
    ("describe", {}, {}),
    ("describe", {"command": "object.create"}, {}),
    ("docs", {}, {}),
    ("docs", {"name": "nobody"}, {}),
    ("docs", {"query": "bevel"}, {}),
    ("history", {}, {}),
    ("history", {"call_id": "{made}"}, {}),
    ("history", {"call_id": "{failed_call}"}, {"wrong": "Cub", "of": NO_COPY}),
    ("history", {"call_id": "call_nobody"}, {}),
    ("history", {"call_id": "{first}"}, {"first": RUNNING}),
    ("jobs", {"verb": "list"}, {}),
    ("jobs", {"verb": "show", "call_id": "{failed}"}, {}),
    ("jobs", {"verb": "show", "call_id": "{done}"}, {}),
    ("jobs", {"verb": "show", "call_id": "{queued}"}, {}),
    ("jobs", {"verb": "show", "call_id": "call_nobody"}, {}),
    ("jobs", {"verb": "show"}, {}),
    ("jobs", {"verb": "fly"}, {}),
    ("jobs", {"verb": "edit", "call_id": "{failed}", "priority": 7}, {}),
    ("jobs", {"verb": "retry", "call_id": "{done}"}, {}),
    ("jobs", {"verb": "pause", "app": "blender"}, {}),
    ("jobs", {"verb": "resume", "app": "blender"}, {}),
    ("wait", {"call_id": "{made}"}, {}),
    ("wait", {"call_id": "{late}"}, {}),
    ("cancel", {"call_id": "{made}"}, {}),
    ("screenshot", {"views": ["front"], "width": 32, "height": 32}, {}),
    ("state", {}, {}),
    ("state", {"instance": "nobody"}, {}),
    ("status", {}, {}),
    ("start", {"app": "blender", "name": "blender"}, {}),
    ("start", {"app": "comfyui"}, {}),
    ("undo", {"steps": 1, "call": "{made}"}, {}),
    ("undo", {"call": "call_nobody"}, {}),
    ("run", {"command": "file.new"}, {}),
    ("undo", {"call": "{made}"}, {}),
]

BUSY = {
    TERMINAL: [Situation(Lines(words.split()), **more) for words, more in LINES],
    HTTP: [Situation(Request(*request), **more) for request, more in REQUESTS],
    MCP: [Situation(Tool(name, args), **more) for name, args, more in TOOLS],
}

# The advice of the first is to stop the Blender; then there is none.
QUIT = Situation(Call("code.run", {"code": "bpy.ops.wm.quit_blender()"}))
NONE = {
    TERMINAL: [
        Situation(Call("object.list")),
        Situation(Lines(["state"])),
        Situation(Lines(["status"])),
        Situation(Lines(["recover", "blender", "--open"])),
        Situation(Call("object.list", select=NONE_FITS)),
    ],
    HTTP: [Situation(Call("object.list")), Situation(Call("object.list", select=NONE_FITS, wait=False))],
    MCP: [Situation(Tool("state", {}))],
}
SEVERAL = {
    TERMINAL: [Situation(Call("object.list")), Situation(Lines(["state"])), Situation(Lines(["stop"]))],
    HTTP: [Situation(Call("object.list"))],
    MCP: [Situation(Call("object.list")), Situation(Tool("state", {}))],
}
WEDGED = {
    HTTP: [Situation(Call("object.list"))],
    TERMINAL: [Situation(Call("object.list")), Situation(Lines(["history", "{holder}"]))],
    MCP: [
        Situation(Call("object.list")),
        Situation(Tool("status", {})),
        Situation(Tool("cancel", {"call_id": "{holder}"})),
    ],
}
