# SPDX-License-Identifier: GPL-3.0-or-later
"""What this Blender says of itself when it dials the hub.

The link asks for it on a thread of its own, where bpy must not be touched: so what can change (the open file) is
noted on the main thread by `note`, and only read here.
"""

import platform
import sys

import bpy

from . import versions

APP = "blender"


class Announcement:
    """`mode` is gui, background (the program) or module (the wheel in a Python)."""

    def __init__(self):
        self.mode = "module" if versions.is_module() else "background" if bpy.app.background else "gui"
        self._version = versions.text()
        self._program = bpy.app.binary_path or sys.executable
        self._file = None
        self.note()

    def note(self):
        """Notes what may have changed. On the main thread."""
        self._file = getattr(bpy.data, "filepath", None) or None  # while Blender starts there are no data

    def told(self):
        """The announcement. From any thread."""
        return {
            "app": APP,
            "mode": self.mode,
            "version": self._version,
            "file": self._file,
            "commands": [],  # the hub has their description
            "host": {
                "python": platform.python_version(),
                "os": {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform),
                "program": self._program,
            },
        }
