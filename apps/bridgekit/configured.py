# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the hub said of its configuration when it last let this bridge in.

In: its `welcome`, taken by the link. Out: the folders that callers may use, and how a child is confined. A process that
outlives a hub is told anew by the next one.
"""

import os

_welcome = {}
# Read once: a caller's code may change the environment, and that must not move the folders of other callers.
_NAMED = os.environ.get("KAPELLE_ROOTS", "").split(os.pathsep)


def take(welcome):
    """The link has been let in. From any thread."""
    global _welcome
    _welcome = dict(welcome)


def roots():
    """The folders of `[files] roots`; before the first welcome those that the environment names."""
    told = _welcome.get("roots")
    if not isinstance(told, list):
        told = _NAMED
    return [one for one in told if isinstance(one, str) and one]


def launcher():
    """(the program that confines a child, None), or (None, why there is none)."""
    told = _welcome.get("confine")
    told = told if isinstance(told, dict) else {}
    path = told.get("launcher")
    if isinstance(path, str) and path:
        return path, None
    return None, str(told.get("why_not") or "the hub did not say how")
