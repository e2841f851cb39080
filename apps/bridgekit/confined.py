# SPDX-License-Identifier: MIT OR Apache-2.0
"""A process that the system keeps to some folders: it reads no token and no file of the hub's.

In: the descriptor of a file that the launcher opened for it, whose number is in KAPELLE_CONFINED. Out: the hub's
address and a secret that is good for this launch alone, read anew at every dial, because a hub that comes later writes
its own address into the same file. 0: confined, and nobody's bridge (a child).
"""

import os

from .home import HomeError, said

# Once: a caller's code may change the environment.
_TOLD = os.environ.get("KAPELLE_CONFINED")
_FOLDER = os.environ.get("HOME")
# Bytes of the file.
_FILE_BYTES_MAX = 4096


def is_confined():
    """Whether the launcher started this process, or one that this is a child of."""
    return _TOLD is not None


def folder():
    """The folder that it has for itself, when it is confined; else None."""
    return _FOLDER if is_confined() else None


def find():
    """(host, port, secret, launch). Raises HomeError."""
    try:
        descriptor = int(_TOLD)
        if os.get_inheritable(descriptor):
            os.set_inheritable(descriptor, False)  # children have no use for it
        told, host, port = said(os.pread(descriptor, _FILE_BYTES_MAX, 0).decode("utf-8"))
        return host, port, told["secret"].encode("ascii"), str(told["launch"])
    except OSError as error:
        raise HomeError(f"the hub's address cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HomeError("what the hub wrote for this confined process is not its address") from None
