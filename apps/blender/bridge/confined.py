# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel keeps this Blender inside of the allowed folders, and imports by one that it keeps there."""

from .bridgekit.problem import Problem


def is_confined():
    """Whether this process can reach only what its callers may."""
    return False


def why_not():
    """None where a confined child can be started, else the reason in a sentence."""
    return "This Blender has no way to start a confined one."


def import_packed(call, path, format, options):
    """Imports a file in a confined child. The path of a .blend with everything packed, which the caller of
    this removes. Raises Problem."""
    raise Problem("not_supported", why_not())
