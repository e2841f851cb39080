# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the system keeps this Blender, or a child of it, to the allowed folders.

In: what the hub that launched it has said. Out: answers. Elsewhere than on Linux, and without a hub, nothing is
confined: `why_not` says so. What a confined child is used for is in confined_import.py.
"""

from .bridgekit import configured
from .bridgekit import confined as by_hub


def is_confined():
    """Whether this process itself is."""
    return by_hub.is_confined()


def folder():
    """The folder that this process has for itself, when it is confined; else None."""
    return by_hub.folder()


def why_not():
    """Why neither this process nor a child of it is confined, for people; None when one of them is or can be."""
    return None if is_confined() else configured.launcher()[1]
