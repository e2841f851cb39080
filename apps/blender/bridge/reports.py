# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators report, as log records.

Blender has no list of reports that works everywhere: `window_manager.reports` exists since 5.0 and stays empty
for operators that Python calls. But in every version (3.4, 4.5, 5.2 were tried) an operator called through
`bpy.ops` writes each of its reports to `sys.stdout`, as one piece of text: "Warning: No mesh data to join\\n".
So a piece that looks like this, while an operator runs, is a report. What C code prints by itself goes past
Python to the process's own output and is not seen here.
"""

import re
import sys
from contextlib import contextmanager

# Blender's words for the kinds of report -> our levels.
LEVELS = {
    "Debug": "debug",
    "Info": "info",
    "Operator": "info",
    "Property": "debug",
    "Warning": "warning",
    "Error": "error",
    "Error Invalid Input": "error",
    "Error Invalid Context": "error",
    "Error Out of Memory": "error",
}
# Reports kept between two readings; more than a person reads.
KEPT_MAX = 1000

_FORM = re.compile(r"\A(%s): (.+)\n\Z" % "|".join(sorted(LEVELS, key=len, reverse=True)), re.DOTALL)


def read(text, source):
    """The record of one piece of text, or None when it is no report."""
    found = _FORM.match(text)
    if found is None:
        return None
    return {"level": LEVELS[found.group(1)], "source": source, "text": found.group(2)}


class Sieve:
    """Stands in front of `sys.stdout` while an operator runs: takes reports out, passes the rest on."""

    def __init__(self, target, source, keep):
        self._target = target
        self._source = source
        self._keep = keep

    def write(self, text):
        record = read(text, self._source) if isinstance(text, str) else None
        if record is None:
            return self._target.write(text)
        self._keep(record)
        return len(text)

    def __getattr__(self, name):
        return getattr(self._target, name)


@contextmanager
def sieved(source, keep):
    """Hands each report of the operators called inside to `keep(record)`."""
    before = sys.stdout
    if before is None:
        yield
        return
    mine = Sieve(before, source, keep)
    sys.stdout = mine
    try:
        yield
    finally:
        if sys.stdout is mine:
            sys.stdout = before
