# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official Python SDK 1.x as a puppet; puppet.py says how it is spoken to."""

from contextlib import asynccontextmanager

import anyio
import httpx
from mcp import ClientSession, StdioServerParameters, stdio_client, types
from mcp.client.streamable_http import streamable_http_client
from puppet_lines import run, shown
from pydantic import AnyUrl


@asynccontextmanager
async def streams(config):
    if config["transport"] == "http":
        headers = {"Authorization": "Bearer " + config["token"]}
        async with (
            httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(30, read=300)) as http,
            streamable_http_client(config["url"], http_client=http) as (read, write, _),
        ):
            yield read, write
    else:
        server = StdioServerParameters(command=config["command"], args=config["args"], env=config["env"])
        try:
            async with stdio_client(server) as (read, write):
                yield read, write
        except* anyio.BrokenResourceError:
            # This SDK cannot bear a notification that comes while it closes.
            pass


@asynccontextmanager
async def connect(config, events):
    async def elicited(_context, params):
        return types.ElicitResult(**events.elicit(params))

    async def told(message):
        if isinstance(message, Exception):
            events.trouble(message)
        elif isinstance(getattr(message, "root", None), types.ResourceUpdatedNotification):
            events.updated(message.root.params.uri)

    async with (
        streams(config) as (read, write),
        ClientSession(
            read,
            write,
            elicitation_callback=elicited if config["elicits"] else None,
            message_handler=told,
            client_info=types.Implementation(name=config["name"], version="1.0.0"),
        ) as session,
    ):
        yield Old(session, await session.initialize())


class Old:
    def __init__(self, session, begun):
        self.session = session
        self.requests = {}
        self.hello = {
            "version": begun.protocolVersion,
            "era": "legacy",
            "server": shown(begun.serverInfo),
            "capabilities": shown(begun.capabilities),
            "instructions": begun.instructions,
        }

    async def tools(self, asked):
        return await self.session.list_tools()

    async def call(self, asked, progressed):
        # This SDK says no id of a request; it is the next number.
        self.requests[asked["id"]] = self.session._request_id
        return await self.session.call_tool(asked["name"], asked.get("arguments"), progress_callback=progressed)

    async def cancel(self, call):
        """This SDK sends no `notifications/cancelled` by itself."""
        params = types.CancelledNotificationParams(requestId=self.requests[call], reason="the test changed its mind")
        await self.session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))

    async def resources(self, asked):
        return await self.session.list_resources()

    async def templates(self, asked):
        return await self.session.list_resource_templates()

    async def read(self, asked):
        return await self.session.read_resource(AnyUrl(asked["uri"]))

    async def prompts(self, asked):
        return await self.session.list_prompts()

    async def prompt(self, asked):
        return await self.session.get_prompt(asked["name"], asked.get("arguments"))

    async def watch(self, asked):
        return await self.session.subscribe_resource(AnyUrl(asked["uri"]))


run(connect)
