# SPDX-License-Identifier: MIT OR Apache-2.0
"""The start of a connection: both sides prove by HMAC that they know the secret; neither sends it.

In: a connected socket, the secret, the announcement. Out: the hub's `welcome`, or a `Refused`. A hub that
cannot prove itself learns nothing but a nonce.
"""

import hmac
import os
import time

from . import frames
from .problem import Problem

MAGIC = "kapelle"
PROTOCOL = 1
# The whole of it, in seconds.
HANDSHAKE_S = 5.0
_READ_BYTES = 65536


class Refused(Exception):
    """No link came about. `retryable` false: the same try will fail again."""

    def __init__(self, why, retryable=True):
        Exception.__init__(self, why)
        self.retryable = retryable


def shake(sock, secret, announce, launch=None):
    """Returns (welcome message, Decoder). `announce()` gives the announcement once the hub is proved; `launch`: the
    secret is that of this launch alone.

    Raises Refused, FrameError, OSError. `sock` has a timeout afterwards; the caller sets its own.
    """
    talk = _Talk(sock)
    nonce = os.urandom(16).hex()
    hello = {"t": "hello", "magic": MAGIC, "protocol": PROTOCOL, "nonce": nonce}
    talk.say(hello if launch is None else dict(hello, launch=launch))
    challenge = talk.hear("challenge")
    if challenge.get("magic") != MAGIC or challenge.get("protocol") != PROTOCOL:
        raise Refused(f"the hub speaks protocol {challenge.get('protocol')!r}, this bridge {PROTOCOL}", False)
    theirs = challenge.get("nonce")
    if not isinstance(theirs, str) or len(theirs) != 32:
        raise Refused("the hub's challenge has no nonce of 32 digits", False)
    if not hmac.compare_digest(
        str(challenge.get("proof", "")).encode("utf-8"), proof("hub", secret, nonce, theirs).encode()
    ):
        raise Refused(
            "whatever is listening at the hub's address does not know the bridge token; it may be another program"
        )
    told = {"t": "proof", "proof": proof("bridge", secret, nonce, theirs)}
    told.update(announce())
    talk.say(told)
    return talk.hear("welcome"), talk.decoder, talk.rest


def proof(side, secret, bridge_nonce, hub_nonce):
    """HMAC-SHA256, in hexadecimal; `side` is "hub" or "bridge"."""
    text = f"kapelle-{side}-1:{bridge_nonce}:{hub_nonce}"
    return hmac.new(secret, text.encode("ascii", "replace"), "sha256").hexdigest()


class _Talk:
    """Messages on a socket within the time of a handshake."""

    def __init__(self, sock):
        self.decoder = frames.Decoder()
        self.rest = []
        self._sock = sock
        self._end = time.monotonic() + HANDSHAKE_S

    def say(self, message):
        self._patience()
        self._sock.sendall(frames.encode(message))

    def hear(self, wanted):
        message = self._next()
        if message.get("t") == "refused":
            problem = message.get("problem")
            problem = problem if isinstance(problem, dict) else {}
            raise Refused(str(problem.get("message", "the hub refused")), bool(problem.get("retryable", True)))
        if message.get("t") != wanted:
            raise Refused(f"the hub said {message.get('t')!r} where {wanted!r} belongs")
        return message

    def _next(self):
        while not self.rest:
            self._patience()
            data = self._sock.recv(_READ_BYTES)
            if not data:
                raise Refused("the hub closed the connection during the handshake")
            self.rest.extend(self.decoder.feed(data))
        message = self.rest.pop(0)
        if isinstance(message, frames.Piece):
            raise Refused("the hub sent a blob before the handshake was complete")
        return message

    def _patience(self):
        left = self._end - time.monotonic()
        if left <= 0:
            raise Refused(f"the handshake took longer than {HANDSHAKE_S:g} s")
        self._sock.settimeout(left)


def malformed(error):
    """The `refused` message for a FrameError."""
    problem = Problem("frame_malformed", str(error), details={"kind": error.kind})
    return {"t": "refused", "problem": problem.to_dict()}
