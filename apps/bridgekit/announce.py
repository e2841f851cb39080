# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a bridge says of itself when it dials: the part that is the same in every application."""

import os
import platform
import sys

from . import VERSION

# One per process: the same after a reconnect, so that the hub knows the instance again.
SESSION = os.urandom(16).hex()
# Read once: a caller's code may empty the environment, and a hub that comes later knows the instance by these.
_NAME, _LAUNCH = (os.environ.get(one) or None for one in ("KAPELLE_NAME", "KAPELLE_LAUNCH"))


def base(app):
    """The announcement without version, mode, file and commands, which only the application knows."""
    return {
        "app": app,
        "session": SESSION,
        "name": _NAME,
        "launch": _LAUNCH,
        "bridge_version": VERSION,
        "pid": os.getpid(),
        "host": {
            "python": platform.python_version(),
            "os": {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform),
            "program": sys.executable or "",
        },
    }


def launched_by_hub():
    """Whether the hub started this process."""
    return _LAUNCH is not None


def whole(mine, name):
    """The application's part over the base; `name` is the one that the hub gave before, or None."""
    told = base(mine.get("app"))
    told.update({key: value for key, value in mine.items() if value is not None or key not in told})
    told["name"] = name or told.get("name")
    return told


def calls(known, ended, complete):
    """The calls of an announcement: one that has ended is not also told as running. `complete`: none is missing, so
    that a call of this session in none of the lists has never arrived and may be sent again."""
    ids = {call["id"] for call in ended}
    told = {part: [call for call in known[part] if call["id"] not in ids] for part in ("running", "queued")}
    told["ended"] = ended
    told["complete"] = complete
    return told
