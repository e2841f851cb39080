# SPDX-License-Identifier: MIT OR Apache-2.0
"""Exceptions of a caller's code as text for a person: in the caller's own lines, once, bounded.

In: an exception. Out: a Problem (`code_raised`, `code_syntax`, `code_exited`, `out_of_memory`). Frames of
the bridge are left out. Nothing here raises because of what the exception's own methods do.
"""

import difflib
import linecache
import os
import re
import traceback

from .convert import type_name
from .interrupt import Interrupt
from .problem import Problem

# Characters of a traceback: it goes into an agent's context.
TRACEBACK_CHARS_MAX = 16000
# Frames shown at each end of a deep one.
FRAMES_SHOWN = 12
# Exceptions shown of a chain of causes.
CHAIN_MAX = 4
# Characters of an exception's own message.
MESSAGE_CHARS_MAX = 4000
# Frames walked at all: deeper ones are counted only.
FRAMES_WALKED_MAX = 20000

_BRIDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
CODE_NAME = re.compile(r"<code-\d+>")


def problem_of(error, explain=None):
    """The Problem for an exception in a caller's code. `explain(error)` may give a hint."""
    if isinstance(error, Problem):
        return error
    name, said = type(error).__name__, message_of(error)
    line = _line(error.__traceback__)
    details = {"type": type_name(error), "traceback": format_error(error)}
    if line:
        details["line"] = line
    where = f" (line {line})" if line else ""
    if isinstance(error, SystemExit):
        code = f"The code tried to end the program (SystemExit {said or '0'}){where}; the program carries on."
        hint = "Let the code run to its end instead of calling exit()."
        problem = Problem("code_exited", code, hint=hint, details=details)
        problem.exit_code = error.code
        return problem
    hint = _asked(explain, error) or _own_hint(error)
    message = f"{name}: {said}{where}" if said else name + where
    kind = "out_of_memory" if isinstance(error, MemoryError) else "code_raised"
    return Problem(kind, message, hint=hint, details=details)


def cannot_compile(source, error):
    """The Problem for a source that is no valid Python; none of it ran."""
    if isinstance(error, SyntaxError):
        return _syntax(error)
    details = {"type": type(error).__name__}
    if isinstance(error, UnicodeEncodeError) and error.object is source:
        line = source.count("\n", 0, error.start) + 1
        column = error.start - source.rfind("\n", 0, error.start)
        details.update(line=line, column=column)
        half = ord(source[error.start])
        message = f"The code contains half a character (U+{half:04X}) in line {line}, column {column}."
        hint = "Send the character whole, or write it as an escape inside a string."
    elif isinstance(error, (RecursionError, MemoryError)):
        message = "The code is nested too deeply, or too long, for Python to compile."
        hint = "Split it into several statements or calls."
    else:
        message = f"The code is not valid Python: {message_of(error)}."
        hint = "None of the code ran."
    return Problem("code_syntax", message, hint=hint, details=details)


def message_of(error):
    """str(error), bounded, whatever its __str__ does."""
    try:
        text = str(error)
        text = text if type(text) is str else str.__str__(text)
    except Interrupt:
        raise
    except BaseException as broken:
        text = f"<its __str__ raised {type(broken).__name__}>"
    if len(text) > MESSAGE_CHARS_MAX:
        text = f"{text[:MESSAGE_CHARS_MAX]} [… {len(text) - MESSAGE_CHARS_MAX} characters more]"
    return CODE_NAME.sub("<code>", text)


def format_error(error):
    """The traceback with its chain of causes, without frames of the bridge."""
    parts = []
    seen = set()
    while error is not None and id(error) not in seen and len(parts) < CHAIN_MAX * 2:
        seen.add(id(error))
        parts.append(_one(error))
        cause, context = error.__cause__, error.__context__
        if cause is not None:
            parts.append("\nThe above exception was the direct cause of the following exception:\n\n")
            error = cause
        elif context is not None and not error.__suppress_context__:
            parts.append("\nDuring handling of the above exception, another exception occurred:\n\n")
            error = context
        else:
            error = None
    if len(parts) % 2 == 0:
        parts.pop()
    text = "".join(reversed(parts)).rstrip("\n")
    if len(text) > TRACEBACK_CHARS_MAX:
        half = TRACEBACK_CHARS_MAX // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    return text


def where_of(trace):
    """(line, traceback text) of the place where a call was interrupted, or (None, "")."""
    frames = _code_frames(trace)
    if not frames:
        return None, ""
    return _line(trace), "Interrupted here (most recent call last):\n" + "".join(_frames(frames)).rstrip("\n")


def _one(error):
    frames = _code_frames(error.__traceback__) or _all_frames(error.__traceback__)
    head = ["Traceback (most recent call last):\n"] + _frames(frames) if frames else []
    if isinstance(error, SyntaxError):
        last = CODE_NAME.sub("<code>", "".join(traceback.format_exception_only(type(error), error)))
    else:
        said = message_of(error)
        name = type_name(error)
        last = f"{name}: {said}\n" if said else name + "\n"
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        last += "".join(f"{note}\n" for note in notes[:FRAMES_SHOWN] if isinstance(note, str))
    return "".join(head) + last


def _all_frames(trace):
    frames = []
    while trace is not None and len(frames) < FRAMES_WALKED_MAX:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return frames


def _code_frames(trace):
    """The frames from the first one of a caller's code on; those before it are the bridge's."""
    frames = _all_frames(trace)
    for at, (frame, _) in enumerate(frames):
        if _is_callers(frame.f_code.co_filename):
            return [one for one in frames[at:] if not one[0].f_code.co_filename.startswith(_BRIDGE)]
    return []


def _frames(frames):
    if len(frames) > 2 * FRAMES_SHOWN:
        left_out = f"  [… {len(frames) - 2 * FRAMES_SHOWN} frames left out …]\n"
        return _frames(frames[:FRAMES_SHOWN]) + [left_out] + _frames(frames[-FRAMES_SHOWN:])
    told = []
    for frame, line in frames:
        name = frame.f_code.co_filename
        text = linecache.getline(name, line, frame.f_globals).strip()[:300]
        shown = "<code>" if _is_callers(name) else name
        told.append(f'  File "{shown}", line {line}, in {frame.f_code.co_name}\n')
        if text:
            told.append(f"    {text}\n")
    return told


def _line(trace):
    """The line of the innermost frame in a caller's code."""
    for frame, line in reversed(_code_frames(trace)):
        if _is_callers(frame.f_code.co_filename):
            return line
    return None


def _is_callers(filename):
    return bool(filename) and CODE_NAME.match(str(filename)) is not None


def _syntax(error):
    text = "".join(traceback.format_exception_only(type(error), error))
    details = {
        "type": type(error).__name__,
        "traceback": CODE_NAME.sub("<code>", text).rstrip("\n")[:TRACEBACK_CHARS_MAX],
    }
    if error.lineno:
        details["line"] = error.lineno
    if error.offset:
        details["column"] = error.offset
    where = f" (line {error.lineno})" if error.lineno else ""
    message = f"{type(error).__name__}: {error.msg}{where}"
    return Problem("code_syntax", message, hint="None of the code ran.", details=details)


def _asked(explain, error):
    if explain is None:
        return None
    try:
        hint = explain(error)
        return hint if isinstance(hint, str) and hint else None
    except Interrupt:
        raise
    except BaseException:
        return None  # a hint is a help; without it the problem still stands


def _own_hint(error):
    if isinstance(error, NameError):
        named = re.search(r"name '([^']+)'", message_of(error))
        frames = _code_frames(error.__traceback__)
        if named and frames:
            inner = frames[-1][0]
            known = {name for name in list(inner.f_globals) + list(inner.f_locals) if isinstance(name, str)}
            near = difflib.get_close_matches(named.group(1), sorted(known), n=3)
            if near:
                return f"Did you mean {' or '.join(near)}?"
            return "Variables are kept between calls, per caller and namespace; this one was never set, or was reset."
    if isinstance(error, RecursionError):
        return "A function kept calling itself; look for the frames that repeat."
    if isinstance(error, MemoryError):
        return "Make it smaller, or work in parts. Variables from earlier calls still use memory; `reset` frees them."
    if isinstance(error, EOFError) and "EOF when reading a line" in message_of(error):
        return "There is no keyboard here: put the value in the code."
    if isinstance(error, KeyboardInterrupt):
        return "The code raised KeyboardInterrupt itself; nobody cancelled the call."
    return None
