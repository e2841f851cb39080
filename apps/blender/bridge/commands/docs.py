# SPDX-License-Identifier: GPL-3.0-or-later
"""docs.*: what the running Blender says of its own API."""

import json

from .. import reference, reference_index
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("docs.search", effect="read")
def search(call, query, kind=None, limit=10):
    known = reference_index.index()
    found = known.search(query, kind, limit)
    told = {"results": found, "searched": len(known.entries)}
    if found:
        told["next"] = "docs.get with one of these names"
    while len(json.dumps(told)) > reference.ANSWER_BYTES_MAX and len(found) > 1:
        found.pop()
    return told


@table.command("docs.get", effect="read")
def get(call, name):
    told = reference.describe(name)
    if told is None:
        near = reference_index.index().near(name)
        raise Problem(
            "not_found",
            "This Blender's API has nothing named %r." % name,
            hint="Similar names: %s. Or search for words with docs.search." % ", ".join(near)
            if near
            else "Try docs.search.",
        )
    return told
