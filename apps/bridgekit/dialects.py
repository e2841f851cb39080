# SPDX-License-Identifier: MIT OR Apache-2.0
"""The forms in which other clients of this field ask, and want to be answered.

typed    request  {"type", "params"}
         answer   {"status": "success", "result"}, or {"status": "error", "message"}
         Of execute_code `result` is {"executed", "result": the text that was printed, …}, as published clients read it.
sync     the same request, with one of `execution_mode`, `timeout` and `capture_output` among its params
         answer   the same, but `result` is the value, and `status` can be "timeout"
action   request  {"action", "params", "id"}
         answer   {"id", "status", "type", "success", "output"} and "result", or "message", "error", "error_type",
         "traceback"; asked for asynchronously {"id", "status": "processing", "message"}, and later the answer
execute  request  {"type": "execute", "code", "strict_json"}
         answer   {"status": "ok", "result", "stdout", "stderr"}, or {"status": "error", "message", …}

In: the bytes of one object, later an OUTCOME. Out: a `Request`, later the answer as a dict. What a request means is
decided in direct.py. The differences stand side by side in docs/reference/direct-mode.md.
"""

import base64
import binascii
import json

from .problem import Problem

# Of a text that stands for a value, in characters.
_TEXT_CHARS_MAX = 16 * 1024 * 1024


# Params by which a client of the synchronous form is known.
_SYNC_PARAMS = frozenset(("execution_mode", "timeout", "capture_output"))
# How execute_code can be asked for.
MODES = ("sync", "async", "auto")


class Request:
    """`dialect`: typed, action or execute; `name`: the command as the client calls it; `id`: as it came, or None.
    `of_value`: whether the answer's `result` is the value of the code.
    `refusal`: the Problem with which a request that has not its form is answered.
    `then`: what is called after the answer, or None; `ends`: why the program should end then, if it should."""

    __slots__ = ("dialect", "name", "params", "id", "of_value", "refusal", "then", "ends")

    def __init__(self, dialect, name, params, id=None, refusal=None):
        self.dialect = dialect
        self.name = name
        self.params = params
        self.id = id
        self.of_value = dialect == "typed" and not _SYNC_PARAMS.isdisjoint(params)
        self.refusal = refusal
        self.then = None
        self.ends = None


def read(data):
    """The Request in these bytes. Raises Problem `body_malformed` for what is no JSON."""
    try:
        told = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem("body_malformed", f"The message is not valid JSON: {error}") from None
    if told.get("type") == "execute" and isinstance(told.get("code"), str):
        params = {"code": told["code"], "strict_json": told.get("strict_json")}
        return Request("execute", "execute_code", params, told.get("id"))
    name, dialect = told.get("type"), "typed"
    if name is None and "action" in told:
        name, dialect = told["action"], "action"
    params = told.get("params")
    params = {} if params is None else params
    if not isinstance(name, str):
        return Request(dialect, str(name), {}, told.get("id"), _malformed("has neither a `type` nor an `action`"))
    if not isinstance(params, dict):
        return Request(dialect, name, {}, told.get("id"), _malformed("has `params` that are not an object"))
    return Request(dialect, name, params, told.get("id"))


def _malformed(what):
    return Problem(
        "body_malformed",
        f"The message {what}; its form is {{type, params}} or {{action, params, id}}.",
        hint='Such as {"type": "execute_code", "params": {"code": "1+1"}}.',
    )


def mode(params):
    """The execution_mode in the params of execute_code. Raises Problem `arguments_invalid`."""
    told = params.get("execution_mode")
    if told is None:
        return "sync"
    if told not in MODES:
        raise Problem(
            "arguments_invalid",
            f"There is no execution_mode {str(told)[:80]!r}.",
            hint=f"The modes are {', '.join(MODES)}; auto answers like async once the code takes a while.",
        )
    return told


def decoded(params):
    """The source in the params of execute_code. Raises Problem `arguments_invalid`."""
    code = params.get("code")
    if not isinstance(code, str):
        raise Problem("arguments_invalid", "execute_code needs `code`, a text.")
    if not params.get("code_is_base64"):
        return code
    try:
        return base64.b64decode(code, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Problem("arguments_invalid", f"`code` is marked as base64 but is not: {error}.") from None


def succeeded(request, result):
    """The answer of a command that gave `result`, as the client expects it."""
    if request.dialect == "action":
        return _action(request, True, {"output": "", "result": result})
    if request.dialect == "execute":
        return _with_id(request, {"status": "ok", "result": result, "stdout": "", "stderr": ""})
    return _with_id(request, {"status": "success", "result": result})


def scheduled(request, job_id):
    """The answer to code that runs later: the job's id stands where clients of either form look for it."""
    job = {"executed": False, "job_id": job_id, "status": "queued"}
    if request.dialect == "action":
        told = {"id": request.id, "status": "processing", "type": request.name, "message": "Code execution started"}
        return dict(told, job_id=job_id, result=job)
    told = {"response": "OK", "message": "Code execution scheduled", "status": "success", "job_id": job_id}
    return _with_id(request, dict(told, result=job))


def refused(request, problem):
    """The answer where nothing ran. `request` is None when it could not be read."""
    text = _with_hint(problem.get("message"), problem.get("hint"))
    if request is not None and request.dialect == "action":
        more = {"output": "", "message": text, "error": text, "error_type": problem["code"], "traceback": ""}
        return _action(request, False, dict(more, code=problem["code"]))
    return _with_id(request, {"status": "error", "message": text, "error": text, "code": problem["code"]})


def executed(request, outcome):
    """The answer of execute_code."""
    shown = request.params.get("capture_output", True)
    output = outcome["output"] if shown is not False else {"stdout": "", "stderr": "", "logs": []}
    problem = outcome.get("problem")
    details = (problem or {}).get("details") or {}
    if request.dialect == "action":
        more = {"output": output["stdout"] + output["stderr"]}
        if problem is None:
            more["result"] = outcome["value"]
        else:
            text = _with_hint(problem["message"], problem.get("hint"))
            more.update(message=text, error=text, error_type=details.get("type") or problem["code"])
            more["traceback"] = details.get("traceback", "")
        return _action(request, problem is None, more)
    if request.dialect == "execute":
        return _with_id(request, _execute(outcome, output, problem, details))
    return _with_id(request, _typed(request, outcome, output, problem, details))


def _typed(request, outcome, output, problem, details):
    answer = {
        "output": {"stdout": output["stdout"], "stderr": output["stderr"]},
        "logs": [f"{one['level']}: {one['text']}" for one in output["logs"]],
        "duration": round(outcome["duration_ms"] / 1000.0, 6),
        "metadata": _metadata(outcome),
        "error": None,
        "traceback": None,
    }
    if problem is not None:
        # Clients of the older form take everything but "error" for a success.
        knows_timeout = outcome["status"] == "timed_out" and request.of_value
        text = _with_hint(problem["message"], problem.get("hint"))
        trace = details.get("traceback")
        return dict(
            answer,
            status="timeout" if knows_timeout else "error",
            result=None,
            message=f"{text}\n{trace}" if trace else text,
            error=problem["message"],
            error_type=details.get("type") or problem["code"],
            traceback=trace or "",
        )
    result = outcome["value"] if request.of_value else _text_result(request, outcome, output, answer)
    return dict({"status": "success", "result": result}, **answer)


def _text_result(request, outcome, output, answer):
    text = output["stdout"]
    if not text and outcome["value"] is not None:
        text = _as_text(outcome["value"])
    encode = bool(request.params.get("return_as_base64"))
    return {
        "executed": True,
        "result": base64.b64encode(text.encode("utf-8", "replace")).decode("ascii") if encode else text,
        "result_is_base64": encode,
        "output": answer["output"],
        "value": outcome["value"],
        "duration": answer["duration"],
    }


def _execute(outcome, output, problem, details):
    told = {"stdout": output["stdout"], "stderr": output["stderr"]}
    if problem is not None:
        trace = details.get("traceback")
        text = _with_hint(problem["message"], problem.get("hint"))
        return dict(told, status="error", message=f"{text}\n{trace}" if trace else text)
    return dict(told, status="ok", result=outcome["value"])


def _action(request, success, more):
    told = {
        "id": request.id,
        "status": "success" if success else "error",
        "type": "code_executed" if request.name == "execute_code" else request.name,
        "success": success,
    }
    told.update(more)
    return told


def _with_id(request, told):
    """Who sent an id gets it back, whatever the form."""
    return dict(told, id=request.id) if request is not None and request.id is not None else told


def _metadata(outcome):
    changes = outcome["changes"]
    return {
        "objects_created": [one["name"] for one in changes["added"] if one["type"] == "object"],
        "scene_changes": any(changes.values()),
        "changes": changes,
        "memory_usage": outcome["memory"],
    }


def _as_text(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:_TEXT_CHARS_MAX]


def _with_hint(message, hint):
    return f"{message} {hint}" if hint else str(message)
