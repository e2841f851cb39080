# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs in a Python that has mcp-for-blender: starts its MCP server against a port and calls its tools.

python mcp_client.py PORT TOOL ARGUMENTS …      prints {"tools": […], "answers": [[text …], …]}
A picture stands in an answer as its media type and its base64: "image/png;…".
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


def shown(part):
    if part.type == "text":
        return part.text
    return "%s;%s" % (part.mimeType, part.data) if part.type == "image" else part.type


async def main(port, calls):
    program = os.path.join(os.path.dirname(sys.executable), "mcp-for-blender")
    environment = dict(os.environ, BLENDER_HOST="127.0.0.1", BLENDER_PORT=port, DISABLE_TELEMETRY="true")
    server = StdioServerParameters(command=program, args=[], env=environment)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = await session.list_tools()
        answers = []
        for name, arguments in calls:
            told = await session.call_tool(name, arguments)
            answers.append([shown(part) for part in told.content])
    print(json.dumps({"tools": [one.name for one in tools.tools], "answers": answers}))


if __name__ == "__main__":
    words = sys.argv[2:]
    asyncio.run(main(sys.argv[1], [(name, json.loads(told)) for name, told in zip(words[::2], words[1::2])]))
