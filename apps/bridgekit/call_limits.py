# SPDX-License-Identifier: MIT OR Apache-2.0
"""Memory and file sizes of one call, as far as the system can hold them: on POSIX, by limits of the process.

In: a dict {"memory_mb", "file_mb"} around a call, on the main thread. Out: MemoryError and OSError in the caller's
code. What it cannot promise: native code that is refused memory may end the process, and what other threads need
meanwhile counts too. So nothing is limited unless the caller asks.
"""

import os
import signal
from contextlib import contextmanager

from .problem import Problem

try:
    import resource
except ImportError:  # Windows
    resource = None

MB = 1_000_000
# The largest that can be asked for, in MB; more is no limit.
MB_MAX = 1_000_000


def checked(memory_mb, file_mb):
    """The dict, or None where nothing is asked for. Raises Problem `arguments_invalid` or `not_supported`."""
    told = {"memory_mb": memory_mb, "file_mb": file_mb}
    asked = {name: value for name, value in told.items() if value is not None}
    for name, value in asked.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MB_MAX:
            raise Problem("arguments_invalid", f"`{name}` must be a number of MB (1,000,000 bytes) up to {MB_MAX}.")
    if asked and (resource is None or ("memory_mb" in asked and _virtual_bytes() is None)):
        raise Problem("not_supported", f"This system has no {' and '.join(asked)} for a call.")
    return asked or None


@contextmanager
def held(limits):
    """The limits of the process, for as long as the call runs."""
    if not limits:
        yield
        return
    before = []
    try:
        if "memory_mb" in limits:
            _lower(before, resource.RLIMIT_AS, (_virtual_bytes() or 0) + int(limits["memory_mb"] * MB))
        if "file_mb" in limits:
            if signal.getsignal(signal.SIGXFSZ) != signal.SIG_IGN:  # else writing on would end the process
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            _lower(before, resource.RLIMIT_FSIZE, int(limits["file_mb"] * MB))
        yield
    finally:
        for kind, was in before:
            resource.setrlimit(kind, was)


def _lower(before, kind, value):
    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or value < soft:
        resource.setrlimit(kind, (value, hard))
        before.append((kind, (soft, hard)))


def _virtual_bytes():
    """How much address space the process has, or None where the system does not say (all but Linux)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
