# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that the modules of `commands` register themselves in, when they are imported."""

from .bridgekit.table import Table

table = Table()
