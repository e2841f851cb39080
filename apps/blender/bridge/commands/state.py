# SPDX-License-Identifier: GPL-3.0-or-later
"""state.*: a small summary of the open file, and what changed in it since a revision."""

from .. import host
from . import table


@table.command("state.get", effect="read")
def get(call):
    return host.current().state()


@table.command("state.changes", effect="read")
def changes(call, since=0):
    return host.current().since(since)
