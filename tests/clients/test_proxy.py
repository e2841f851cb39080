# SPDX-License-Identifier: MIT OR Apache-2.0
"""The proxy adds one header and changes nothing else; a test that leans on it must know that."""

import socket
import threading

import pytest

from proxy import Proxy

REQUEST = (
    b"POST /mcp?x=1 HTTP/1.1\r\nHost: evil.example.com\r\norigin: http://evil.example.com\r\n"
    b"Mcp-Method: tools/list\r\ncontent-length: 11\r\n\r\nhello world"
)
ANSWER_S = 10.0


class Echo:
    """A server that takes one connection and lets the test see and say bytes."""

    def __init__(self, port):
        self._listening = socket.create_server(("127.0.0.2", port))
        self.connection = None
        self._came = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        self.connection = self._listening.accept()[0]
        self.connection.settimeout(ANSWER_S)
        self._came.set()

    def read(self, count):
        assert self._came.wait(ANSWER_S)
        got = b""
        while len(got) < count:
            piece = self.connection.recv(count - len(got))
            assert piece, got
            got += piece
        return got

    def close(self):
        self._listening.close()
        if self.connection:
            self.connection.close()


@pytest.fixture
def ends():
    proxy = Proxy()
    echo = Echo(proxy.port)
    proxy.forward(("127.0.0.2", proxy.port), "secret")
    caller = socket.create_connection(("127.0.0.1", proxy.port))
    caller.settimeout(ANSWER_S)
    yield caller, echo
    caller.close()
    echo.close()
    proxy.close()


def added(request):
    first, rest = request.split(b"\r\n", 1)
    return first + b"\r\nAuthorization: Bearer secret\r\n" + rest


def test_one_header_more_and_nothing_else(ends):
    caller, echo = ends
    for _ in range(2):  # the connection is kept alive
        caller.sendall(REQUEST)
        expected = added(REQUEST)
        assert echo.read(len(expected)) == expected


def test_answers_flow_as_they_come(ends):
    caller, echo = ends
    caller.sendall(REQUEST)
    echo.read(len(added(REQUEST)))
    for piece in (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", b"data: 1\n\n", b"data: 2\n\n"):
        echo.connection.sendall(piece)
        got = b""
        while len(got) < len(piece):
            got += caller.recv(4096)
        assert got == piece


def test_a_caller_that_leaves_is_missed_at_once(ends):
    caller, echo = ends
    caller.sendall(REQUEST)
    echo.read(len(added(REQUEST)))
    caller.close()
    assert echo.connection.recv(1) == b""


def test_chunked_requests_are_refused(ends):
    caller, _echo = ends
    caller.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert caller.recv(1) == b""
