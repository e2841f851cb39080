# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes `bridgekit` and the tests' own helpers importable."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE / "real", HERE.parent.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
