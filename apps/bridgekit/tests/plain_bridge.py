# SPDX-License-Identifier: MIT OR Apache-2.0
"""A bridge for a program that is nothing but Python: what a test starts as a process of its own."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from bridgekit.host import Host
from bridgekit.serve import run_background
from bridgekit.table import Table


class Plain(Host):
    def leave(self):
        sys.__stdout__.write("left\n")
        sys.__stdout__.flush()


if __name__ == "__main__":
    away = float(os.environ.get("TEST_AWAY_S", "600"))
    reason = run_background("plain", Table(), Plain(), lambda: {"version": "1"}, away_limit_s=away)
    print(f"reason: {reason}")
