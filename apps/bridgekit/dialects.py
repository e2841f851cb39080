# SPDX-License-Identifier: MIT OR Apache-2.0
"""The forms in which other clients of this field ask, and want to be answered.

typed    request  {"type", "params"}
         answer   {"status": "success", "result"}, or {"status": "error", "message"}
action   request  {"action", "params", "id"}
         answer   {"id", "status", "type", "success", "output"} and "result", or "error", "error_type", "traceback"
execute  request  {"type": "execute", "code", "strict_json"}
         answer   {"status": "ok", "result", "stdout", "stderr"}, or {"status": "error", "message", …}

In: the bytes of one object, later an OUTCOME. Out: a `Request`, later the answer as a dict. What a request means is
decided in direct.py.
"""

import base64
import binascii
import json

from .problem import Problem

# Of a text that stands for a value, in characters.
_TEXT_CHARS_MAX = 16 * 1024 * 1024


class Request:
    """`dialect`: typed, action or execute; `name`: the command as the client calls it; `id`: as it came, or None.
    `ends`: why the program should end after the answer, if it should."""

    __slots__ = ("dialect", "name", "params", "id", "ends")

    def __init__(self, dialect, name, params, id=None):
        self.dialect = dialect
        self.name = name
        self.params = params
        self.id = id
        self.ends = None


def read(data):
    """The Request in these bytes. Raises Problem `body_malformed`."""
    try:
        told = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem("body_malformed", f"The message is no JSON: {error}") from None
    if told.get("type") == "execute" and isinstance(told.get("code"), str):
        return Request("execute", "execute_code", {"code": told["code"], "strict_json": told.get("strict_json")})
    params = told.get("params")
    params = {} if params is None else params
    name, dialect = told.get("type"), "typed"
    if name is None and "action" in told:
        name, dialect = told["action"], "action"
    if not isinstance(name, str) or not isinstance(params, dict):
        raise Problem(
            "body_malformed",
            "The message has neither the form {type, params} nor {action, params, id}.",
            hint='Such as {"type": "execute_code", "params": {"code": "1+1"}}.',
        )
    return Request(dialect, name, params, told.get("id"))


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
        raise Problem("arguments_invalid", f"`code` is said to be base64 and is not: {error}.") from None


def succeeded(request, result):
    """The answer of a command that gave `result`, as the client expects it."""
    if request.dialect == "action":
        return _action(request, True, {"output": "", "result": result})
    if request.dialect == "execute":
        return {"status": "ok", "result": result, "stdout": "", "stderr": ""}
    return {"status": "success", "result": result}


def refused(request, problem):
    """The answer where nothing ran. `request` is None when it could not be read."""
    text = _with_hint(problem.get("message"), problem.get("hint"))
    if request is not None and request.dialect == "action":
        more = {"output": "", "error": text, "error_type": problem["code"], "traceback": ""}
        return _action(request, False, more)
    return {"status": "error", "message": text, "code": problem["code"]}


def executed(request, outcome):
    """The answer of execute_code."""
    shown = request.params.get("capture_output", True)
    output = outcome["output"] if shown else {"stdout": "", "stderr": "", "logs": []}
    problem = outcome.get("problem")
    details = (problem or {}).get("details") or {}
    if request.dialect == "action":
        more = {"output": output["stdout"] + output["stderr"]}
        if problem is None:
            more["result"] = outcome["value"]
        else:
            more["error"] = _with_hint(problem["message"], problem.get("hint"))
            more["error_type"] = details.get("type") or problem["code"]
            more["traceback"] = details.get("traceback", "")
        return _action(request, problem is None, more)
    if request.dialect == "execute":
        return _execute(request, outcome, output, problem, details)
    return _typed(request, outcome, output, problem, details)


def _typed(request, outcome, output, problem, details):
    answer = {
        "output": {"stdout": output["stdout"], "stderr": output["stderr"]},
        "logs": [f"{one['level']}: {one['text']}" for one in output["logs"]],
        "duration": round(outcome["duration_ms"] / 1000.0, 6),
        "metadata": _metadata(outcome),
    }
    if problem is not None:
        # Who names a time limit knows of "timeout"; older clients take everything but "error" for a success.
        knows_timeout = outcome["status"] == "timed_out" and "timeout" in request.params
        text = _with_hint(problem["message"], problem.get("hint"))
        trace = details.get("traceback")
        told = {
            "status": "timeout" if knows_timeout else "error",
            "message": f"{text}\n{trace}" if trace else text,
            "error": problem["message"],
            "error_type": details.get("type") or problem["code"],
            "traceback": trace or "",
        }
        told.update(answer)
        return told
    text = output["stdout"]
    if not text and outcome["value"] is not None:
        text = _as_text(outcome["value"])
    encode = bool(request.params.get("return_as_base64"))
    result = {
        "executed": True,
        "result": base64.b64encode(text.encode("utf-8", "replace")).decode("ascii") if encode else text,
        "result_is_base64": encode,
        "output": answer["output"],
        "value": outcome["value"],
        "duration": answer["duration"],
    }
    told = {"status": "success", "result": result}
    told.update(answer)
    return told


def _execute(request, outcome, output, problem, details):
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
