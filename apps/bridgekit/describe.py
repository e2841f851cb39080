# SPDX-License-Identifier: MIT OR Apache-2.0
"""The SPEC of a command from the function that does it, so that a command is described once.

    @table.command("note.write", effect="write")
    def note_write(call, name: str, text: str = ""):
        \"\"\"Writes a note.

        A note of that name is replaced.

        name: what it is called
        \"\"\"

In: the signature (what is required, defaults), the annotations (types), the docstring: its first line is the summary,
a line `name: …` describes that argument, the rest is the docs. Out: a dict as docs/reference/bridge-protocol.md has
it. A parameter without an annotation has the type of its default; without either it takes anything.
"""

import inspect
import re
import typing

_PLAIN = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    dict: {"type": "object"},
    list: {"type": "array", "items": {}},
    tuple: {"type": "array", "items": {}},
    type(None): {"type": "null"},
}
_ARGUMENT = re.compile(r"^\s*(\w+)\s*:\s+(.+)$")


def spec_of(name, effect, function, **more):
    """The SPEC. `more`: timeout_ms, concurrent, repeatable, keywords, example, result, role. Raises ValueError for what
    cannot be described: a program says that at its start, and not a hub later."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    summary, docs, told = _texts(name, function, {one.name for one in named})
    hints = _hints(name, function)
    properties = {one.name: _property(name, one, hints.get(one.name), told.get(one.name)) for one in named}
    args = {"type": "object", "properties": properties}
    required = [one.name for one in named if one.default is one.empty]
    if required:
        args["required"] = required
    args["additionalProperties"] = any(one.kind is one.VAR_KEYWORD for one in parameters)
    spec = {"name": name, "summary": summary, "effect": effect, "args": args}
    if docs:
        spec["docs"] = docs
    if "return" in hints and "result" not in more and hints["return"] is not typing.Any:
        spec["result"] = _schema(name, "its result", hints["return"])
    spec.update(more)
    return spec


def _texts(name, function, arguments):
    """(summary, docs, {argument: text})."""
    lines = inspect.getdoc(function).splitlines() if function.__doc__ else []
    summary = lines[0].strip() if lines else ""
    if not summary:
        raise ValueError(f"the command {name} has no docstring; its first line is the summary that people read")
    docs, told = [], {}
    for line in lines[1:]:
        found = _ARGUMENT.match(line)
        if found and found.group(1) in arguments:
            told[found.group(1)] = found.group(2).strip()
        else:
            docs.append(line)
    return summary, "\n".join(docs).strip(), told


def _hints(name, function):
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise ValueError(f"the annotations of {name} cannot be read: {error}") from None


def _property(name, parameter, hint, text):
    default = parameter.default
    has_default = default is not parameter.empty
    if hint is None:
        schema = dict(_PLAIN.get(type(default), {})) if has_default and default is not None else {}
    else:
        schema = _schema(name, parameter.name, hint)
    if has_default and default is not None:
        if not isinstance(default, (str, int, float, bool, list, tuple, dict)):
            raise ValueError(f"the default of {name}'s {parameter.name} is no JSON: {default!r}")
        schema["default"] = list(default) if isinstance(default, tuple) else default
    if text:
        schema["description"] = text
    return schema


def _schema(name, what, hint):
    if hint is typing.Any or hint is inspect.Parameter.empty:
        return {}
    plain = _PLAIN.get(hint)
    if plain is not None:
        return dict(plain)
    # Not typing.get_origin: it is of Python 3.8.
    origin, parts = getattr(hint, "__origin__", None), getattr(hint, "__args__", ()) or ()
    if _is_union(hint, origin):
        return _any_of([_schema(name, what, one) for one in parts])
    if getattr(origin, "__name__", None) == "Literal" or str(origin) == "typing.Literal":
        return {"enum": list(parts)}
    if origin in (list, typing.List) and len(parts) == 1:
        return {"type": "array", "items": _schema(name, what, parts[0])}
    if origin in (tuple, typing.Tuple) and parts and Ellipsis not in parts:
        kinds = [_schema(name, what, one) for one in parts]
        items = kinds[0] if all(one == kinds[0] for one in kinds) else {}
        return {"type": "array", "items": items, "minItems": len(parts), "maxItems": len(parts)}
    if origin in (dict, typing.Dict):
        return {"type": "object"}
    raise ValueError(f"{name}: the type {hint!r} of {what} has no JSON Schema here; leave the annotation out")


def _is_union(hint, origin):
    return origin is typing.Union or type(hint).__name__ == "UnionType"


def _any_of(schemas):
    """One schema for several, short where they are plain types."""
    if all(set(one) == {"type"} for one in schemas):
        kinds = [one["type"] for one in schemas]
        return {"type": kinds[0] if len(kinds) == 1 else kinds}
    return {"anyOf": schemas}


def refuse_unknown(more):
    """Raises ValueError for a word that no SPEC has."""
    unknown = set(more) - {"timeout_ms", "concurrent", "repeatable", "keywords", "example", "result", "docs", "role"}
    if unknown:
        raise ValueError(f"a command has no {', '.join(sorted(unknown))}")
