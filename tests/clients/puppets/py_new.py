# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official Python SDK 2.x as a puppet; puppet.py says how it is spoken to.

With `tasks` in its config it declares the tasks extension and polls a task to its end by the SDK's own hook for
claimed results.
"""

from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import anyio
import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from puppet_lines import run, say, shown

TASKS = "io.modelcontextprotocol/tasks"
MODES = {"legacy": "legacy", "auto": "auto", "modern": "2026-07-28"}
# Of a task's life; after it something is wrong.
TASK_S = 60.0


class Task(types.Result):
    result_type: Literal["task"] = "task"
    model_config = {"extra": "allow", "populate_by_name": True}


class TaskAnswer(types.Result):
    model_config = {"extra": "allow", "populate_by_name": True}


class TaskAsked(types.Request[dict[str, Any], str]):
    name_param: ClassVar[str | None] = "taskId"


class Tasks(ClientExtension):
    identifier = TASKS

    def settings(self):
        return {}

    def claims(self):
        return [ResultClaim(result_type="task", model=Task, resolve=self.settle)]

    async def settle(self, task, context):
        seen = shown(task)
        say({"event": "task", "params": seen})
        with anyio.fail_after(TASK_S):
            while True:
                asked = TaskAsked(method="tasks/get", params={"taskId": seen["taskId"]})
                now = shown(await context.session.send_request(asked, TaskAnswer))
                say({"event": "task", "params": now})
                if now["status"] == "completed":
                    return types.CallToolResult.model_validate(now["result"])
                if now["status"] in ("failed", "cancelled"):
                    raise RuntimeError("the task is %s: %s" % (now["status"], now.get("error")))
                await anyio.sleep(min(now.get("pollIntervalMs", 200), 200) / 1000)


def transport_of(config, stack_http):
    if config["transport"] == "http":
        return streamable_http_client(config["url"], http_client=stack_http)
    server = StdioServerParameters(command=config["command"], args=config["args"], env=config["env"])
    return stdio_client(server)


@asynccontextmanager
async def connect(config, events):
    async def elicited(_context, params):
        return types.ElicitResult(**events.elicit(params))

    async def told(message):
        if isinstance(message, Exception):
            events.trouble(message)
        elif isinstance(message, types.ResourceUpdatedNotification):
            events.updated(message.params.uri)

    headers = {"Authorization": "Bearer " + config["token"]} if config.get("token") else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300)) as http,
        anyio.create_task_group() as listening,
        Client(
            transport_of(config, http),
            mode=MODES[config["mode"]],
            client_info=types.Implementation(name=config["name"], version="2.0.0"),
            elicitation_callback=elicited if config["elicits"] else None,
            message_handler=told,
            extensions=[Tasks()] if config.get("tasks") else None,
            cache=None,
        ) as client,
    ):
        yield New(client, events, listening)
        listening.cancel_scope.cancel()


class New:
    def __init__(self, client, events, listening):
        self.client = client
        self.events = events
        self.listening = listening
        self.is_modern = client.protocol_version >= "2026"
        self.hello = {
            "version": client.protocol_version,
            "era": "modern" if self.is_modern else "legacy",
            "server": shown(client.server_info),
            "capabilities": shown(client.server_capabilities),
            "instructions": client.instructions,
        }

    async def tools(self, asked):
        return await self.client.list_tools()

    async def call(self, asked, progressed):
        return await self.client.call_tool(asked["name"], asked.get("arguments"), progress_callback=progressed)

    async def cancel(self, call):
        """This SDK cancels at the server when the call is abandoned."""

    async def resources(self, asked):
        return await self.client.list_resources()

    async def templates(self, asked):
        return await self.client.list_resource_templates()

    async def read(self, asked):
        return await self.client.read_resource(asked["uri"])

    async def prompts(self, asked):
        return await self.client.list_prompts()

    async def prompt(self, asked):
        return await self.client.get_prompt(asked["name"], asked.get("arguments"))

    async def watch(self, asked):
        if not self.is_modern:
            return await self.client.subscribe_resource(asked["uri"])
        return {"honored": await self.listening.start(self._listen, asked["uri"])}

    async def _listen(self, uri, *, task_status):
        async with self.client.listen(resource_subscriptions=[uri]) as heard:
            task_status.started(shown(heard.honored))
            async for event in heard:
                self.events.updated(event.uri)


run(connect)
