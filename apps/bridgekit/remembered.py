# SPDX-License-Identifier: MIT OR Apache-2.0
"""What was found out about a source, kept by the source: who runs the same code again pays for one look.

In: sources and what stands for them. Out: the same again. Bounded by their number and by their characters; the one
that was used longest ago goes. It knows nothing of what it keeps. On the main thread only.
"""

from collections import OrderedDict

SOURCES_MAX = 128
SOURCE_CHARS_MAX = 1024 * 1024


class Remembered:
    def __init__(self, sources_max=SOURCES_MAX, chars_max=SOURCE_CHARS_MAX):
        self._sources_max = sources_max
        self._chars_max = chars_max
        self._kept = OrderedDict()
        self._chars = 0

    def __len__(self):
        return len(self._kept)

    def get(self, source):
        """What stands for the source, or None."""
        told = self._kept.get(source)
        if told is not None:
            self._kept.move_to_end(source)
        return told

    def put(self, source, told):
        """Keeps it in the place of what stood for that source."""
        if len(source) > self._chars_max:
            return
        if self._kept.pop(source, None) is None:
            self._chars += len(source)
        self._kept[source] = told
        while len(self._kept) > self._sources_max or self._chars > self._chars_max:
            oldest, _ = self._kept.popitem(last=False)
            self._chars -= len(oldest)
