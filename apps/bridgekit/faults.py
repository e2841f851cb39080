# SPDX-License-Identifier: MIT OR Apache-2.0
"""Problems that the executor itself has to tell: a full bridge, faults of ours, of a host, of a command.

Exceptions of a caller's code are in tracebacks.py.
"""

from .problem import Problem
from .tracebacks import format_error, message_of


def full(calls_max):
    return Problem(
        "queue_full",
        f"{calls_max} calls wait or run at this instance already.",
        hint="Wait for some of them to end.",
        retryable=True,
    )


def old_interrupt():
    """Code that kept the interrupt of an earlier call and raised it again."""
    return Problem("code_raised", "The code raised the interrupt of an earlier call; nobody stopped this one.")


def fallen():
    return Problem(
        "code_exited",
        "The process ended during the call: a callback of the application (a handler, a driver) raised SystemExit.",
        hint="Look for sys.exit() and exit() in handlers and drivers. Unsaved work may be in a recovery copy.",
    )


def internal(error):
    message = f"The bridge failed: {type(error).__name__}: {message_of(error)}"
    return Problem("internal", message, details={"traceback": format_error(error)}, severity="bug")


def complain(call, what, error):
    call.log("error", f"the bridge's {what} failed: {message_of(error)}\n{format_error(error)}", "bridge")


def unexpected(call, error, host=None):
    """An exception that a command did not expect: ours, or the application's."""
    hint = None
    if host is not None:
        try:
            hint = host.explain(error, call)
        except Exception:
            hint = None
    name = type(error).__name__
    return Problem(
        "call_failed",
        f"{call.command} failed: {name}: {message_of(error)}",
        hint=hint,
        details={"type": name, "traceback": format_error(error)},
        severity="error" if hint else "bug",
    )


def at_revision(wanted, now):
    """Raises the Problem of a call whose state has moved on."""
    if now is not None and now != wanted:
        raise Problem(
            "revision_changed",
            "The state is at revision %d, not %d. Nothing ran." % (now, wanted),
            hint="Check what changed, then try again with the new revision.",
            details={"revision": now},
        )
