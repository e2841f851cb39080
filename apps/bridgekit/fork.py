# SPDX-License-Identifier: MIT OR Apache-2.0
"""os.fork in a caller's code must not make a second bridge.

The child of a fork gets copies of the link's socket and of the executor. At the fork, in the child, all
that `watch`ed lets go: the link closes its copies without a word, the executor gives back stdout. When
the child's code returns to the executor, the child exits there: it never answers a call.

A child that runs another program (subprocess) or that ends by itself (multiprocessing) never gets there.
"""

import os
import sys
import weakref

_watched = weakref.WeakSet()
_state = {"child": False, "hooked": False}


def watch(thing):
    """Calls `thing.after_fork_in_child()` in every child that is forked from now on."""
    _watched.add(thing)
    if not _state["hooked"] and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)
        _state["hooked"] = True


def in_child():
    """Whether this process is a forked child of the one that had the bridge."""
    return _state["child"]


def leave_child(result):
    """Ends this process if it is a forked child; `result` is how the code ended, or None."""
    if not _state["child"]:
        return
    status = 1
    try:
        status = _exit_status(result)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    finally:
        os._exit(status)


def _exit_status(result):
    if result is None or result[0] in ("succeeded", "deferred"):
        return 0 if result is not None else 1
    problem = result[2]
    code = getattr(problem, "exit_code", 1)
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    if problem is not None:
        sys.stderr.write(f"{problem.message}\n")
    return 1


def _in_child():
    _state["child"] = True
    for thing in list(_watched):
        try:
            thing.after_fork_in_child()
        except Exception as error:
            sys.__stderr__.write(f"kapelle: after a fork: {error!r}\n")
