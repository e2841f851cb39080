# SPDX-License-Identifier: MIT OR Apache-2.0
"""A plain MCP client over HTTP (2025-06-18): what an agent's program sends, and the text that its model reads.

In: a hub's address and a token. Out: `(went well, text)` of each tool. It repairs and retries nothing.
"""

import itertools
import json

_VERSION = "2025-06-18"


class Mcp:
    def __init__(self, http, path="/mcp"):
        self._http = http
        self._path = path
        self._session = None
        self._ids = itertools.count(1)
        told = {"protocolVersion": _VERSION, "capabilities": {}, "clientInfo": {"name": "walk", "version": "1"}}
        self.server = self.rpc("initialize", told)["result"]
        self.rpc("notifications/initialized", notify=True)

    def rpc(self, method, params=None, notify=False):
        """The answer, a JSON-RPC message."""
        body = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            body["params"] = params
        if not notify:
            body["id"] = next(self._ids)
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": _VERSION}
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        answer = self._http.request("POST", self._path, body, headers)
        self._session = answer.headers.get("Mcp-Session-Id") or self._session
        if notify:
            return None
        text = answer.body.decode("utf-8")
        if answer.status != 200 or text.lstrip().startswith("{"):
            return json.loads(text)
        told = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
        return next(one for one in told if one.get("id") == body["id"])

    def tool(self, name, arguments):
        """(went well, text); an error of the protocol itself is one of the text."""
        told = self.rpc("tools/call", {"name": name, "arguments": arguments})
        if "result" not in told:
            return False, json.dumps(told)
        result = told["result"]
        return not result.get("isError"), "\n".join(one.get("text", "") for one in result["content"])

    def tools(self):
        return self.rpc("tools/list")["result"]["tools"]
