# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the hub said of its configuration when it last let this bridge in.

In: its `welcome`, taken by the link. Out: the folders that callers may use, and how a child is confined. A process that
outlives a hub is told anew by the next one.
"""

import json
import os

# How a process is told of folders that starts before it is let in, or never is: a JSON object as in the welcome.
VARIABLE = "KAPELLE_FOLDERS"
KINDS = ("allowed", "private", "kept")


def _told(folders):
    """{kind: [absolute path]} of what a hub or a parent said; None where it is nothing of the kind."""
    if not isinstance(folders, dict):
        return None
    lists = {kind: folders.get(kind, []) for kind in KINDS}
    if not all(isinstance(one, list) for one in lists.values()):
        return None
    return {kind: [path for path in lists[kind] if isinstance(path, str) and path] for kind in KINDS}


def _named():
    try:
        return _told(json.loads(os.environ.get(VARIABLE, "null")))
    except ValueError:
        return None


_welcome = {}
# Read once: a caller's code may change the environment, and that must not move the folders of other callers.
_NAMED = _named()


def take(welcome):
    """The link has been let in. From any thread."""
    global _welcome
    _welcome = dict(welcome)


def folders():
    """{kind: [absolute path]}: `allowed` are the folders of callers who may not go anywhere, `private` the places in
    them that are the hub's own, `kept` those that may be read and not written. Before the first welcome what the
    environment says; None where nobody has said anything."""
    return _told(_welcome.get("folders")) or _NAMED


def for_child():
    """The environment by which a child is told the same."""
    told = folders()
    return {VARIABLE: json.dumps(told)} if told else {}


def launcher():
    """(the program that confines a child, None), or (None, why there is none)."""
    told = _welcome.get("confine")
    told = told if isinstance(told, dict) else {}
    path = told.get("launcher")
    if isinstance(path, str) and path:
        return path, None
    return None, str(told.get("why_not") or "the hub did not say how")
