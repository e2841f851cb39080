# SPDX-License-Identifier: MIT OR Apache-2.0
"""How to ask each contestant, on the wire: bytes of a request, when an answer is whole, and what it says.

All are asked by the same code (`Line`): a blocking socket with TCP_NODELAY, the answer parsed as JSON within the time.
So what the client costs is in every figure alike. A `Wire` knows the bytes of one dialect and does no I/O.
"""

import json
import socket
import time

# Longest wait for one answer, in seconds.
ANSWER_S = 120.0
_READ_BYTES = 1 << 20


class Failed(Exception):
    """The contestant answered, and said no. The text is its own."""


class Gone(Exception):
    """The connection ended before the answer was whole."""


class Wire:
    """`one_shot`: a connection takes one request only. `port`: on 127.0.0.1."""

    one_shot = False
    port = 0

    def request(self, code):
        """The bytes that run code."""
        raise NotImplementedError

    def status(self):
        """The bytes that ask how things are, or None where there is nothing of the kind."""
        return None

    def is_whole(self, data):
        """Whether `data` (a bytearray) is a whole answer."""
        raise NotImplementedError

    def printed(self, data):
        """What the code printed. Raises Failed with what the answer says instead."""
        raise NotImplementedError


class BareJson(Wire):
    """mcp-for-blender, blender-remote and blendmcp: JSON without any framing; the end is where it parses."""

    def __init__(self, port, status="get_scene_info"):
        self.port = port
        self._status = status

    def request(self, code):
        return json.dumps({"type": "execute_code", "params": {"code": code}}).encode()

    def status(self):
        return json.dumps({"type": self._status, "params": {}}).encode()

    def is_whole(self, data):
        if not data.endswith(b"}"):
            return False
        try:
            json.loads(data)
        except ValueError:
            return False
        return True

    def printed(self, data):
        told = json.loads(data)
        if told.get("status") != "success":
            raise Failed(str(told.get("message", told))[:400])
        return told["result"]["result"]


class FrugalLine(Wire):
    """frugal-blender-mcp: one line of JSON with a token, on a connection of its own."""

    one_shot = True

    def __init__(self, port, token):
        self.port, self._token, self._count = port, token, 0

    def request(self, code):
        step = {"op": "python", "code": code, "max_output": 32000}
        return self._line("execute", {"steps": [step]})

    def status(self):
        return self._line("inspect", {"limit": 1})

    def _line(self, method, params):
        self._count += 1  # an id that comes twice is answered from a cache
        told = {"id": "%d-%d" % (self._count, time.monotonic_ns()), "token": self._token, "method": method}
        return json.dumps(dict(told, params=params)).encode() + b"\n"

    def is_whole(self, data):
        return data.endswith(b"\n")

    def printed(self, data):
        told = json.loads(data)
        result = told.get("result") or {}
        if not told.get("ok") or not result.get("ok"):
            raise Failed(str(told.get("error") or result.get("error") or told)[:400])
        answer = result["results"][0]["result"]
        if answer.get("stdout_truncated"):
            raise Failed("cut to %d characters" % len(answer.get("stdout", "")))
        return answer.get("stdout", "")


class Http(Wire):
    """An HTTP answer with its length, or in chunks."""

    def __init__(self, port, head):
        self.port = port
        self._head = head  # lines of headers

    def post(self, path, body, more=""):
        head = "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s" % (path, self.port, self._head, more)
        return (head + "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)).encode() + body

    def is_whole(self, data):
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(data[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            return len(data) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return data.endswith(b"0\r\n\r\n")

    def body(self, data):
        """(status, bytes of the body)."""
        head, _, rest = bytes(data).partition(b"\r\n\r\n")
        status = int(head.split(None, 2)[1])
        if b"transfer-encoding: chunked" in head.lower():
            rest = _unchunked(rest)
        return status, rest


class KapelleHttp(Http):
    def __init__(self, port, token, timeout_ms=None):
        Http.__init__(self, port, "Authorization: Bearer %s\r\n" % token)
        self._token, self._more = token, {} if timeout_ms is None else {"timeout_ms": timeout_ms}

    def limited(self, timeout_ms):
        """The same, whose calls may take so long."""
        return KapelleHttp(self.port, self._token, timeout_ms)

    def request(self, code):
        body = dict({"app": "blender", "command": "code.run", "args": {"code": code}}, **self._more)
        return self.post("/v1/calls", json.dumps(body).encode())

    def status(self):
        return self._get("/v1/instances")

    def calls(self):
        """The bytes that ask for the last calls and their outcomes."""
        return self._get("/v1/calls?limit=5")

    def _get(self, path):
        return ("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n" % (path, self.port, self._head)).encode()

    def printed(self, data):
        status, body = self.body(data)
        told = json.loads(body)
        if told.get("status") != "succeeded":
            problem = told.get("problem") or told
            raise Failed("%s %s" % (told.get("status", status), problem.get("message", body[:300])))
        return told["output"]["stdout"]


class Floor(Http):
    """The bare axum hub of bench/src/floor.rs with its responder."""

    def __init__(self, port, large_code, large_bytes):
        Http.__init__(self, port, "")
        self._large_code, self._large = large_code, "'x' * %d" % large_bytes

    def request(self, code):
        code = self._large if code == self._large_code else code
        body = {"app": "blender", "command": "code.run", "args": {"code": code}}
        return self.post("/v1/calls", json.dumps(body).encode())

    def printed(self, data):
        return "%s\n" % json.loads(self.body(data)[1])["value"]


class Echo(Wire):
    """A bare TCP echo: what comes goes back. The length stands first."""

    def __init__(self, port):
        self.port = port

    def request(self, code):
        body = json.dumps({"echo": "2\n", "code": code}).encode()
        return len(body).to_bytes(4, "big") + body

    def is_whole(self, data):
        return len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big")

    def printed(self, data):
        return json.loads(data[4:])["echo"]


class Line:
    """One connection to a contestant. `sent` and `received` count bytes."""

    def __init__(self, wire, seconds=ANSWER_S):
        self.wire = wire
        self._seconds = seconds
        self._socket = None
        self.sent = self.received = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def run(self, code):
        """(seconds, what it printed)."""
        request = None if self.wire.one_shot else self.wire.request(code)
        start = time.perf_counter()
        data = self.ask(request or self.wire.request(code))
        printed = self.wire.printed(data)
        return time.perf_counter() - start, printed

    def ask(self, request):
        """The bytes of the answer."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.wire.port), self._seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent += len(request)
        data = bytearray()
        try:
            self._socket.sendall(request)
            while not self.wire.is_whole(data):
                more = self._socket.recv(_READ_BYTES)
                if not more:
                    raise Gone("closed after %d bytes of the answer" % len(data))
                data += more
        except BaseException:
            self.close()
            raise
        self.received += len(data)
        if self.wire.one_shot:
            self.close()
        return data


def _unchunked(rest):
    body, at = bytearray(), 0
    while True:
        end = rest.find(b"\r\n", at)
        size = int(rest[at:end] or b"0", 16) if end >= 0 else 0
        if not size:
            return bytes(body)
        body += rest[end + 2 : end + 2 + size]
        at = end + 4 + size
