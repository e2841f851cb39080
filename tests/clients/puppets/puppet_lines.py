# SPDX-License-Identifier: MIT OR Apache-2.0
"""What both Python puppets share: one JSON object a line on stdin and stdout; puppet.py says which.

A puppet hands in `connect(config, events)`, an async context manager that gives an object with `hello` and the verbs.
"""

import json
import sys

import anyio
import anyio.to_thread


def say(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def plainly(error):
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    told = getattr(error, "error", None)
    return {
        "kind": type(error).__name__,
        "code": getattr(told, "code", None),
        "message": str(getattr(told, "message", None) or error),
        "data": getattr(told, "data", None),
    }


def shown(result):
    """A result of the SDK as it was on the wire."""
    if result is None:
        return {}
    return result if isinstance(result, dict) else result.model_dump(mode="json", by_alias=True, exclude_none=True)


class Events:
    """What the client is told or asked in between."""

    def __init__(self):
        self.reply = {"action": "decline"}

    def elicit(self, params):
        say({"event": "elicit", "params": shown(params)})
        return self.reply

    def updated(self, uri):
        say({"event": "updated", "params": {"uri": str(uri)}})

    def trouble(self, error):
        say({"event": "trouble", "params": plainly(error)})


class Puppet:
    def __init__(self, client, events, tasks):
        self.client = client
        self.events = events
        self.tasks = tasks
        self.running = {}

    async def obey(self, asked):
        try:
            result = await self.do(asked)
        except anyio.get_cancelled_exc_class():
            if asked["id"] not in self.running:
                raise
            say({"id": asked["id"], "error": {"kind": "Cancelled", "code": None, "message": "cancelled", "data": None}})
            raise
        except Exception as error:
            say({"id": asked["id"], "error": plainly(error)})
        else:
            say({"id": asked["id"], "result": shown(result)})

    async def do(self, asked):
        verb = asked["do"]
        if verb == "answer":
            self.events.reply = asked["reply"]
            return {}
        if verb == "cancel":
            scope = self.running.get(asked["call"])
            if scope is not None:
                await self.client.cancel(asked["call"])
                scope.cancel()
            return {}
        if verb == "call":
            return await self.call(asked)
        return await getattr(self.client, verb)(asked)

    async def call(self, asked):
        async def progressed(progress, total, message):
            told = {"progress": progress, "total": total, "message": message}
            say({"event": "progress", "id": asked["id"], "params": told})

        with anyio.CancelScope() as scope:
            self.running[asked["id"]] = scope
            try:
                return await self.client.call(asked, progressed if asked.get("progress") else None)
            finally:
                del self.running[asked["id"]]
        raise RuntimeError("cancelled")


async def perform(connect):
    config = json.loads(sys.argv[1])
    events = Events()
    try:
        async with connect(config, events) as client, anyio.create_task_group() as tasks:
            say({"event": "hello", "params": client.hello})
            puppet = Puppet(client, events, tasks)
            while True:
                line = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
                asked = json.loads(line) if line else {"do": "close"}
                if asked["do"] == "close":
                    break
                tasks.start_soon(puppet.obey, asked)
            tasks.cancel_scope.cancel()
    except Exception as error:
        say({"event": "refused", "params": plainly(error)})
        raise
    if line:
        say({"id": asked["id"], "result": {}})


def run(connect):
    anyio.run(perform, connect)
