# SPDX-License-Identifier: MIT OR Apache-2.0
"""A bridge for a program that counts: each run of a command is a line in a file, written before anything else.

In: TALLY_FILE. `tally.once` may not run twice, `tally.twice` may. It is a real bridge on bridgekit in a process of its
own, so that it can be killed like any program.
"""

import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "apps"))

from bridgekit.host import Host
from bridgekit.serve import run_background
from bridgekit.table import Table

table = Table()
file = os.open(os.environ["TALLY_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
ARGS = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "ms": {"type": "integer", "default": 0}},
    "required": ["number"],
    "additionalProperties": False,
}


def described(verb, repeatable):
    return {
        "name": "tally." + verb,
        "summary": "Writes a line.",
        "effect": "write",
        "args": ARGS,
        "repeatable": repeatable,
    }


def count(call, number, ms=0):
    # One write of a few bytes to a file opened for appending: it is there in whole or not at all.
    os.write(file, b"%d\n" % number)
    time.sleep(ms / 1000.0)
    return number


table.command("tally.once", effect="write")(count)
table.command("tally.twice", effect="write")(count)

if __name__ == "__main__":
    commands = [described("once", False), described("twice", True)]
    run_background("tally", table, Host(), lambda: {"version": "1", "commands": commands})
