# SPDX-License-Identifier: MIT OR Apache-2.0
"""Builds the OUTCOME of a call, and makes it fit into one frame.

In: how a call ended. Out: the dict of the bridge protocol. Which way it ended is the executor's decision.
"""

from . import frames
from .problem import Problem, option

# Cut to this when the whole does not fit into a frame, in characters of each stream.
_SMALL_STREAM_CHARS = 256 * 1024
_SMALL_LOGS = 100

NO_CHANGES = {"added": [], "changed": [], "removed": []}
NO_MEMORY = {"rss_mb": None, "delta_mb": None}


def build(call, status, value=None, problem=None, duration_ms=0.0, changes=None, memory=None):
    """The OUTCOME of a call; its output and logs are taken from the call."""
    capture = call.capture
    told = {
        "status": status,
        "value": value,
        "output": {
            "stdout": capture.text("stdout") if capture else "",
            "stderr": capture.text("stderr") if capture else "",
            "logs": list(call.logs) if call.logs else [],
        },
        "duration_ms": round(duration_ms, 3),
        "changes": changes or NO_CHANGES,
        "memory": memory or NO_MEMORY,
    }
    if call.logs_left_out:
        told["output"]["logs"].append(_note(f"{call.logs_left_out} more log records were left out"))
    if problem is not None:
        told["problem"] = problem
    return told


def of_problem(call, problem, status="failed"):
    """The OUTCOME of a call that never ran."""
    return build(call, status, problem=problem.to_dict())


def ended(call, where=(None, ""), leaving=None):
    """(status, Problem) of a call that was cancelled or timed out; `where` it was interrupted.

    `leaving` says why the instance leaves, if that is what ends its calls: nobody cancelled them then.
    """
    line, trace = where
    at = f" It was interrupted in line {line}." if line else ""
    details = {"traceback": trace} if trace else None
    if call.ending == "timed_out":
        limit = f"its limit of {call.timeout_ms / 1000.0:g} s" if call.timeout_ms else "it was allowed to"
        message = f"The call ran longer than {limit}.{at}"
        hint = [
            "Allow it more time (",
            option("timeout_ms"),
            ") or split the work. What it had done until then remains.",
        ]
    else:
        why = (
            f"The call was ended because the instance is exiting: {leaving}." if leaving else "The call was cancelled."
        )
        message = why + at
        hint = "What it had done until then remains." if call.started_at is not None else "It had not started."
    return call.ending, Problem(call.ending, message, hint=hint, details=details)


def frame(call_id, outcome):
    """The outcome message as a frame. What does not fit is cut, with a note in the logs."""
    told = {"t": "outcome", "id": call_id}
    told.update(outcome)
    try:
        return frames.encode(told)
    except frames.FrameError:
        pass
    told["output"] = _smaller(told["output"])
    try:
        return frames.encode(told)
    except frames.FrameError:
        return frames.encode(without_value(told, "it did not fit into one message"))


def without_value(told, why):
    """The same outcome without value and output, and a note that says why."""
    bare = dict(told)
    bare["value"] = None
    note = _note(f"the value and the output of this call were dropped: {why}", "warning")
    bare["output"] = {"stdout": "", "stderr": "", "logs": [note]}
    if isinstance(bare.get("problem"), dict):
        bare["problem"] = {k: v for k, v in bare["problem"].items() if k != "details"}
    return bare


def _smaller(output):
    note = _note("output cut further, because the outcome did not fit into one message", "warning")
    return {
        "stdout": _middle(output["stdout"]),
        "stderr": _middle(output["stderr"]),
        "logs": output["logs"][:_SMALL_LOGS] + [note],
    }


def _middle(text):
    half = _SMALL_STREAM_CHARS // 2
    if len(text) <= 2 * half:
        return text
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters cut here …]\n{text[-half:]}"


def _note(text, level="info"):
    return {"level": level, "source": "bridge", "text": text}
