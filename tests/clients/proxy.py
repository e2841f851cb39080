# SPDX-License-Identifier: MIT OR Apache-2.0
"""A proxy that adds the `Authorization` header to each request and changes nothing else.

The official conformance tool cannot send a header of ours, and no flag of the hub switches authentication off. So
it talks to this. In: the address to listen at, the hub's address, the token. Out: the same bytes, request heads with
one line more; answers flow back as they come, byte for byte.

The hub checks `Host` and `Origin`. Nothing has to be rewritten for that when both ends have the same port on two
addresses of the loopback: the hub on 127.0.0.2, the proxy on 127.0.0.1. What a test forges reaches the hub forged.

It does not speak chunked requests; it refuses them aloud.
"""

import asyncio
import socket
import threading

# A head longer than this is no test of ours.
HEAD_BYTES_MAX = 64 * 1024
PIECE_BYTES = 64 * 1024


class Proxy:
    """Listens as soon as it is made; `close` ends it and everything that goes through it."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self._loop = asyncio.new_event_loop()
        self._target = None
        self._line = b""
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ending = None

    def forward(self, target, token):
        """Begins: to the address `target`, for whom the token stands."""
        self._target = target
        self._line = b"Authorization: Bearer " + token.encode() + b"\r\n"
        began = threading.Event()
        self._loop.call_soon(began.set)
        self._thread.start()
        began.wait()

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()
        self._listening.close()
        self._loop.close()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._ending = asyncio.Event()
        self._loop.run_until_complete(self._serve())

    async def _serve(self):
        tasks = set()

        async def one(reader, writer):
            tasks.add(asyncio.current_task())
            try:
                await self._connection(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                tasks.discard(asyncio.current_task())
                writer.close()

        server = await asyncio.start_server(one, sock=self._listening, limit=HEAD_BYTES_MAX)
        await self._ending.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader, writer):
        """One connection of the tool, one to the hub: when either side closes, the other learns it at once."""
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.ensure_future(self._requests(reader, upstream_writer)),
            asyncio.ensure_future(_pour(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            upstream_writer.close()

    async def _requests(self, reader, upstream):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _body_length(head)
            first, rest = head.split(b"\r\n", 1)
            upstream.write(first + b"\r\n" + self._line + rest)
            while length:
                piece = await reader.read(min(length, PIECE_BYTES))
                if not piece:
                    return
                length -= len(piece)
                upstream.write(piece)
                await upstream.drain()
            await upstream.drain()


def _body_length(head):
    headers = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    named = {name.strip().lower(): value.strip() for name, _, value in headers}
    if b"transfer-encoding" in named:
        raise ConnectionError("the proxy takes no chunked request")
    return int(named.get(b"content-length", b"0"))


async def _pour(reader, writer):
    while True:
        piece = await reader.read(PIECE_BYTES)
        if not piece:
            return
        writer.write(piece)
        await writer.drain()
