# SPDX-License-Identifier: MIT OR Apache-2.0
"""An error as a person reads it: what happened, and what to do next.

In: a code, a sentence, a hint. Out: the PROBLEM object of the bridge protocol.
Raising a `Problem` in a command is the way to fail on purpose. It does no formatting of tracebacks
(see tracebacks.py).
"""

SEVERITIES = ("info", "warning", "error", "critical", "bug")
# Codes of what hits other calls as well, as the hub's table has them.
_CRITICAL = ("disk_full", "frame_malformed", "handshake_refused", "out_of_memory", "protocol_mismatch", "start_failed")


def option(name):
    """A part of a hint: something that is said of a call beside its arguments, such as timeout_ms."""
    return {"do": "option", "name": name}


def argument(name, value, flag=None):
    """A part of a hint: an argument of the command. `flag`: how the terminal's own verb says the same."""
    told = {"do": "argument", "name": name, "value": value}
    if flag is not None:
        told["flag"] = flag
    return told


def command(app, name):
    """A part of a hint: a command that needs no arguments."""
    return {"do": "command", "app": app, "command": name}


def stop():
    """A part of a hint: ends an instance."""
    return {"do": "stop"}


# What clients of the direct mode call an option.
_DIRECTLY = {"timeout_ms": "timeout"}


def in_words(hint):
    """A hint where no hub says it: a text as it is, parts one after the other."""
    if isinstance(hint, str):
        return hint
    words = []
    for part in hint:
        if isinstance(part, str):
            words.append(part)
        elif "value" in part:
            words.append("%s=%s" % (part["name"], str(part["value"]).lower()))
        else:
            name = part.get("command") or part.get("name", part["do"])
            words.append(_DIRECTLY.get(name, name))
    return "".join(words)


class Problem(Exception):
    """A failure that is told to the caller.

    `code` is a stable name (`not_found`), `message` says what happened, `hint` what to do next with the
    names that exist, `details` is JSON. `severity` is one of SEVERITIES (a "bug" is ours); without it the code says
    which.
    A hint with something that is typed differently in a terminal, over HTTP and over MCP is a list of texts and
    steps, for example `option("timeout_ms")`; the hub says each in its reader's words.
    """

    def __init__(self, code, message, hint=None, details=None, severity=None, retryable=False):
        Exception.__init__(self, message)
        severity = severity or ("critical" if code in _CRITICAL else "error")
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, not {severity!r}")
        self.code = code
        self.message = message
        self.hint = in_words(hint) if hint else hint
        self.hint_parts = None if hint is None or isinstance(hint, str) else list(hint)
        self.details = details
        self.severity = severity
        self.retryable = retryable

    def to_dict(self):
        """The PROBLEM object; hint and details only where there are any."""
        told = {
            "code": self.code,
            "message": self.message,
            "severity": self.severity,
            "retryable": bool(self.retryable),
        }
        if self.hint:
            told["hint"] = self.hint
        if self.hint_parts:
            told["hint_parts"] = self.hint_parts
        if self.details is not None:
            told["details"] = self.details
        return told
