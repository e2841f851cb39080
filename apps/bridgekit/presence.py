# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a thread waits for that has a client and a call of it: news of the call, or that the client has left.

In: `put` from any thread, also in the middle of a call. Out: `get`, for one thread alone, and `left`. A client that
has sent all it wants to send looks like one that has left, until something is sent to it: it gets a blank, which stands
between two JSON texts and means nothing; who has left answers with a reset.

A caller's code may close descriptors that are not its own. Then it is looked once a second.
"""

import queue
import select
import socket

from . import still

# Between two looks where nothing rings: it bounds how long news can lie.
LOOK_S = 1.0
_BLANK = b" "
_CLOSED_ON_THEIR_SIDE = getattr(select, "POLLRDHUP", 0)


class Presence:
    """States of the client: there -> silent (sends no more) -> left, or there -> left."""

    def __init__(self, client):
        self.left = False
        self._client = client
        self._silent = self._asks_on = False
        self._news = queue.SimpleQueue()
        self._rung = False
        self._ringing, self._waiting = socket.socketpair()
        for one in (self._ringing, self._waiting):
            one.setblocking(False)

    def close(self):
        self._ringing.close()
        self._waiting.close()

    def put(self, item):
        """Takes no lock: the main thread may be interrupted in the middle of it."""
        self._news.put(item)
        if not self._rung:
            self._rung = True
            try:
                self._ringing.send(b".")
            except (OSError, ValueError):
                pass  # full, and so heard; or closed by a caller's code

    def get(self):
        """The next news, or None as soon as the client has left (once)."""
        while True:
            self._rung = False
            try:
                return self._news.get_nowait()
            except queue.Empty:
                pass
            if self.left:
                return self._news.get()
            with still.member():
                still.rest()
                self._look()
                still.rest()
            if self.left:
                return None

    def _look(self):
        """Waits until it rings, or until there is something to see of the client."""
        try:
            rung, heard, broken = self._poll() if hasattr(select, "poll") else self._select()
            if rung:
                while self._waiting.recv(64):
                    pass
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, ValueError):
            self.left = self._client.fileno() < 0  # closed by us: the listening ends
            return
        if broken:
            self.left = True
        elif heard and not self._silent:
            self._silent = True
            self._probe()

    def _poll(self):
        poll = select.poll()
        poll.register(self._waiting, select.POLLIN)
        poll.register(still.signal(), select.POLLIN)
        poll.register(self._client, 0 if self._silent else _CLOSED_ON_THEIR_SIDE)
        found = dict(poll.poll(int(LOOK_S * 1000)))
        of_client = found.get(self._client.fileno(), 0)
        broken = bool(of_client & (select.POLLERR | select.POLLNVAL)) or of_client & select.POLLHUP and self._silent
        return self._waiting.fileno() in found, bool(of_client), bool(broken)

    def _select(self):
        waiting = [self._waiting, still.signal()] + ([] if self._silent or self._asks_on else [self._client])
        found = select.select(waiting, [], [], LOOK_S)[0]
        broken = self._silent and self._is_reset()
        heard = self._client in found and not broken and self._has_ended()
        return self._waiting in found, heard, broken

    def _has_ended(self):
        try:
            # Behind a further request nothing can be seen here: it is read when its turn comes.
            self._asks_on = self._client.recv(1, socket.MSG_PEEK) != b""
            return not self._asks_on
        except OSError:
            self.left = True
            return False

    def _is_reset(self):
        try:
            # Linux tells it here alone, once the other side has closed its half; Windows when it is read.
            return bool(self._client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) or not self._can_be_read()
        except OSError:
            return True

    def _can_be_read(self):
        return self._client.recv(1, socket.MSG_PEEK) is not None

    def _probe(self):
        try:
            self._client.send(_BLANK)
        except OSError:
            self.left = True
