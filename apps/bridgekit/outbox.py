# SPDX-License-Identifier: MIT OR Apache-2.0
"""Outcomes that the hub has not acknowledged yet, oldest first; bounded.

In: the frame of an outcome and its blobs. Out: the same again after a reconnect. Over the bound the
oldest lose value, output and blobs, with a note in the outcome; how the call ended is kept. It takes no
lock of its own: the link holds one around it.
"""

import json
from collections import OrderedDict

from . import frames
from .outcome import without_value

# Outcomes with their values.
COUNT_MAX = 1000
# Bytes of all frames and blobs.
BYTES_MAX = 256 * 1024 * 1024
# Outcomes without values (some 500 bytes each) behind those.
HUSKS_MAX = 10000


class Kept:
    """One outcome: its frame, its blobs {hash: bytes}, and what an announcement says of the call."""

    __slots__ = ("frame", "blobs", "known", "size")

    def __init__(self, frame, blobs, known):
        self.frame = frame
        self.blobs = blobs
        self.known = known
        self.size = len(frame) + (sum(map(len, blobs.values())) if blobs else 0)


class Outbox:
    """See the module's text."""

    def __init__(self, count_max=COUNT_MAX, bytes_max=BYTES_MAX):
        self._full = OrderedDict()
        self._husks = OrderedDict()
        self._count_max = count_max
        self._bytes_max = bytes_max
        self.bytes = 0
        self.has_dropped = False  # whether an outcome was forgotten that the hub does not have

    def __len__(self):
        return len(self._full) + len(self._husks)

    def put(self, call_id, kept):
        """Keeps an outcome until `forget`."""
        self._full[call_id] = kept
        self.bytes += kept.size
        while len(self._full) > self._count_max or (self.bytes > self._bytes_max and len(self._full) > 1):
            oldest, gone = self._full.popitem(last=False)
            self.bytes -= gone.size
            self._husks[oldest] = _husk(gone)
            if len(self._husks) > HUSKS_MAX:
                self._husks.popitem(last=False)
                self.has_dropped = True

    def forget(self, call_id):
        """The hub has it."""
        kept = self._full.pop(call_id, None)
        if kept is not None:
            self.bytes -= kept.size
        else:
            self._husks.pop(call_id, None)

    def holds(self, call_id):
        return call_id in self._full or call_id in self._husks

    def all(self):
        """All of them, oldest first."""
        return list(self._husks.values()) + list(self._full.values())


def _husk(kept):
    told = json.loads(kept.frame[4:].decode("utf-8"))
    why = "the hub was away, and more than %d outcomes or %d MiB were waiting for it"
    bare = without_value(told, why % (COUNT_MAX, BYTES_MAX >> 20))
    return Kept(frames.encode(bare), None, kept.known)
