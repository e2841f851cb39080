# SPDX-License-Identifier: MIT OR Apache-2.0
"""A stand-in for Blender Lab's MCP add-on, which cannot be had from PyPI: a simulation of its wire, none of its code.

Runs in Blender: `start(port)`. As the original is known to do: one request a connection, JSON with NUL behind it both
ways, polled by a timer without threads, 4,096 bytes a tick; the code sets `result`, a dict; leaving is blocked.
"""

import contextlib
import io
import json
import socket
import traceback

ACTIVE_S, IDLE_S = 0.25, 1.0
READ_BYTES = 4096
BACKLOG = 5


class Lab:
    def __init__(self, port):
        self._listening = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        self._listening.setblocking(False)
        self._client, self._data = None, b""

    def poll(self):
        if self._client is None:
            try:
                self._client, _address = self._listening.accept()
            except BlockingIOError:
                return IDLE_S
            self._client.setblocking(False)
            self._data = b""
        try:
            more = self._client.recv(READ_BYTES)
        except BlockingIOError:
            return ACTIVE_S
        self._data += more
        if b"\0" in self._data:
            self._client.setblocking(True)
            self._client.sendall(json.dumps(answer(self._data.partition(b"\0")[0])).encode() + b"\0")
        elif more:
            return ACTIVE_S
        self._client.close()
        self._client = None
        return ACTIVE_S


def answer(data):
    try:
        asked = json.loads(data)
    except ValueError as error:
        return {"status": "error", "message": str(error)}
    if asked.get("type") != "execute":
        return {"status": "error", "message": "Unknown command type: %s" % asked.get("type")}
    out, err, namespace = io.StringIO(), io.StringIO(), {"result": {}}
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            exec(compile(asked["code"], "<blender_mcp>", "exec"), namespace)
    except (Exception, SystemExit):
        told = {"status": "error", "message": traceback.format_exc()}
    else:
        told = {"status": "ok", "result": namespace["result"]}
    return dict(told, stdout=out.getvalue(), stderr=err.getvalue())


def start(port):
    import bpy

    bpy.app.timers.register(Lab(port).poll, persistent=True)
