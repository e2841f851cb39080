# SPDX-License-Identifier: GPL-3.0-or-later
"""history.*: the calls that changed something, and the way back through Blender's own undo history."""

from .. import host, kept
from ..command_table import table


@table.command("history.list", effect="read")
def list_(call, limit=20):
    history = host.current().history
    calls = history.calls(limit)
    artist = history.artist_steps()
    return {"calls": calls, "artist_steps": artist[:limit] if artist is not None else None}


@table.command("history.undo", effect="write")
def undo(call, steps=1, through=False):
    return _with_invalid(call, host.current().history.undo(steps, through, _only(call)))


@table.command("history.redo", effect="write")
def redo(call, steps=1, through=False):
    return _with_invalid(call, host.current().history.redo(steps, through, _only(call)))


@table.command("history.revert", effect="write")
def revert(call, id, through=False):
    return _with_invalid(call, host.current().history.revert(id, through, _only(call)))


def _only(call):
    """Whose steps it may take: None for everybody's."""
    return None if call.scopes & {"destructive", "admin"} else call.owner_id


def _with_invalid(call, told):
    namespaces = host.current().namespaces
    told["invalid_variables"] = kept.of_owner(namespaces, call.owner_id) if namespaces is not None else []
    return told
