# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same by MCP: as much of the protocol as one tool call needs, over stdio and over HTTP.

No SDK on this side, so that a client's cost is small and the same for all. `tool(code)` gives (name, arguments);
`printed(result)` reads what was printed out of a tool's result.
"""

import json
import select
import subprocess
import time

from wires import ANSWER_S, Failed, Gone, Http, Line

PROTOCOL = "2025-06-18"
_HELLO = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}


def message(number, method, params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def text_of(result):
    """The text blocks of a tool's result. Raises Failed when it is an error."""
    text = "\n".join(one.get("text", "") for one in result.get("content", []))
    if result.get("isError"):
        raise Failed(text[:400])
    return text


class McpHttp(Http):
    """MCP over HTTP at a path, in a session."""

    def __init__(self, port, path, tool, printed=text_of, head=""):
        Http.__init__(self, port, "Accept: application/json, text/event-stream\r\n" + head)
        self._path, self._tool, self._printed = path, tool, printed
        self._session, self._count = "", 0
        with Line(self) as line:
            told = line.ask(self.post(path, json.dumps(message(0, "initialize", _HELLO)).encode()))
            for one in bytes(told).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n"):
                if one.lower().startswith("mcp-session-id:"):
                    self._session = one + "\r\n"
            self._session += "MCP-Protocol-Version: %s\r\n" % PROTOCOL
            ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            line.ask(self.post(path, json.dumps(ready).encode(), self._session))

    def request(self, code):
        name, arguments = self._tool(code)
        return self.call(name, arguments)

    def call(self, name, arguments):
        self._count += 1
        body = message(self._count, "tools/call", {"name": name, "arguments": arguments})
        return self.post(self._path, json.dumps(body).encode(), self._session)

    def status(self):
        body = message("ping", "ping", {})
        return self.post(self._path, json.dumps(body).encode(), self._session)

    def result(self, data):
        """The `result` of the JSON-RPC answer, plain or as the last event of a stream."""
        status, body = self.body(data)
        if not body.lstrip().startswith(b"{"):
            events = [one[5:] for one in body.split(b"\n") if one.startswith(b"data:") and b'"jsonrpc"' in one]
            body = events[-1] if events else body
        try:
            told = json.loads(body)
        except ValueError:
            raise Failed("HTTP %d %s" % (status, body[:300].decode("utf-8", "replace"))) from None
        if "result" not in told:
            raise Failed("HTTP %d %s" % (status, json.dumps(told.get("error", told))[:400]))
        return told["result"]

    def printed(self, data):
        return self._printed(self.result(data))


class McpStdio:
    """A server as a child process; one request after the other, or a ping meanwhile."""

    def __init__(self, processes, command, environment, log, tool, printed=text_of):
        self._tool, self._printed = tool, printed
        self.process = processes.spawn(command, environment, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._count = 0
        self._rest = bytearray()
        self.sent = self.received = 0
        self.hear(self.say("initialize", _HELLO), 60.0)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def run(self, code):
        name, arguments = self._tool(code)
        start = time.perf_counter()
        told = self.hear(self.say("tools/call", {"name": name, "arguments": arguments}))
        printed = self._printed(told)
        return time.perf_counter() - start, printed

    def begin(self, code):
        """Sends a tool call and does not wait; gives its id."""
        name, arguments = self._tool(code)
        return self.say("tools/call", {"name": name, "arguments": arguments})

    def say(self, method, params):
        self._count += 1
        self._write(message(self._count, method, params))
        return self._count

    def hear(self, number, seconds=ANSWER_S):
        """The result for that id; what else is said meanwhile is passed over."""
        end = time.monotonic() + seconds
        out = self.process.stdout.fileno()
        while True:
            at = self._rest.find(b"\n")
            if at < 0:
                self._more(out, end)
                continue
            line = bytes(self._rest[:at])
            del self._rest[: at + 1]
            if not line.startswith(b"{"):
                continue  # blender-remote prints lines of its own first
            told = json.loads(line)
            if told.get("id") == number and "method" not in told:
                if "result" not in told:
                    raise Failed(json.dumps(told.get("error"))[:400])
                return told["result"]

    def _more(self, out, end):
        """Reads on. A long line is searched for its end only where it is new."""
        parts = []
        while True:
            if not select.select([out], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError("the MCP server said nothing in time")
            data = self.process.stdout.raw.read(1 << 20) if hasattr(self.process.stdout, "raw") else None
            data = data if data is not None else b""
            if not data:
                raise Gone("the MCP server has ended")
            self.received += len(data)
            parts.append(data)
            if b"\n" in data:
                self._rest += b"".join(parts)
                return

    def _write(self, told):
        data = json.dumps(told).encode() + b"\n"
        self.sent += len(data)
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close(self):
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
