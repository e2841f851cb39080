# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running Blender says of its own API: types, properties, functions, operators, nodes with their sockets.

In: a name as people write it (`bpy.types.Object.location`, `object.location`, `bpy.ops.mesh.bevel`, `mesh.bevel`,
`bpy.data.objects.new`, `ShaderNodeBsdfPrincipled`, `mathutils.Vector`). Out: JSON of at most ANSWER_BYTES_MAX, or
None. It reads Blender's own descriptions, so that it is right for the running version and its add-ons.
"""

import difflib
import inspect
import json
import re
import types

import bmesh
import bpy
import bpy_extras
import gpu
import mathutils

from . import reference_parts as parts_of
from . import versions

# Bytes of an answer: what a reader of limited memory can afford.
ANSWER_BYTES_MAX = 4000
# Characters of a docstring.
_DOC_CHARS_MAX = 3000
# Classes that draw Blender's window or stand behind operators: nobody calls them.
_DRAWN = re.compile(r"_(OT|PT|MT|HT|UL|FH|AST|KSI)_")
_SWIZZLE = re.compile("[xyzw]{2,4}")
# What Blender's own description leaves out.
_NOTES = {("RenderSettings", "engine"): "Engines from add-ons, such as CYCLES, are not in this list but can be set."}
# Modules besides bpy whose docstrings are told.
_MODULES = {"mathutils": mathutils, "bmesh": bmesh, "gpu": gpu, "bpy_extras": bpy_extras}
_ROOTS = {"data": "BlendData", "context": "Context"}


def type_names():
    """The types that a program uses, sorted."""
    return [name for name in dir(bpy.types) if not _DRAWN.search(name) and _rna(name) is not None]


def rna(name):
    """The description of a type by its exact name, or None."""
    return None if _DRAWN.search(name) else _rna(name)


def own(described, what):
    """The properties or functions that a type does not have from its base."""
    known = set(getattr(described.base, what).keys()) if described.base else ()
    return [one for one in getattr(described, what) if one.identifier not in known and one.identifier != "rna_type"]


def methods(name):
    """(name, first line of its docstring) of what only Python gives a type, such as Mesh.from_pydata."""
    kind = getattr(bpy.types, name, None)
    if not isinstance(kind, type) or not kind.__module__.endswith("bpy_types"):
        return
    for one, held in vars(kind).items():
        if inspect.isfunction(held) and not one.startswith("_"):
            yield one, (inspect.getdoc(held) or "").partition("\n")[0]


def struct_methods():
    """(name, first line) of what every type has, such as keyframe_insert."""
    for one in dir(bpy.types.bpy_struct):
        if not one.startswith(("_", "bl_")):
            text = inspect.getdoc(getattr(bpy.types.bpy_struct, one)) or ""
            yield one, " ".join(line for line in text.splitlines() if line and not line.startswith((".. ", ":")))


def is_node(name):
    """Whether a type is a node that can be added."""
    kind = getattr(bpy.types, name, None)
    return isinstance(kind, type) and issubclass(kind, bpy.types.NodeInternal) and kind.bl_rna.base.identifier != "Node"


def operators():
    """(name as `mesh.bevel`, description) of every operator."""
    for module in dir(bpy.ops):
        for name in dir(getattr(bpy.ops, module)):
            found = versions.operator("%s.%s" % (module, name))
            if found is not None:
                yield "%s.%s" % (module, name), found.get_rna_type()


def describe(name):
    """Everything about a name, or None when there is nothing of it."""
    parts = [one for one in re.split(r"[.\s]+", re.sub(r"\(.*|\[[^\]]*\]", "", name.strip())) if one]
    if parts and parts[0] in _MODULES:
        return _of_module(_MODULES[parts[0]], parts)
    if parts[:1] == ["bpy"]:
        parts = parts[1:]
        if parts[:1] in (["app"], ["path"], ["utils"], ["props"], ["msgbus"]):
            return _of_module(bpy, ["bpy", *parts])
    if parts[:1] == ["ops"]:
        return _operator(parts[1:])
    if parts[:1] == ["types"]:
        parts = parts[1:]
    elif parts[:1] and parts[0] in _ROOTS:
        parts = [_ROOTS[parts[0]], *parts[1:]]
    else:
        found = _operator(parts)
        if found is not None:
            return found
    return _of_type(parts)


def fit(told, lists):
    """Cuts the lists, longest first, until the answer has its size; says how many were left out."""
    while len(json.dumps(told)) > ANSWER_BYTES_MAX:
        longest = max(lists, key=lambda one: len(json.dumps(told.get(one) or "")))
        if not told.get(longest):
            break
        held = told[longest]
        gone = max(1, len(held) // 10)
        told[longest] = held[:-gone] if isinstance(held, list) else held[: -max(100, gone)]
        if isinstance(held, list):
            left_out = told.setdefault("left_out", {})
            left_out[longest] = left_out.get(longest, 0) + gone
    return told


def _rna(name):
    return getattr(getattr(bpy.types, name, None), "bl_rna", None)


def _of_type(parts):
    """A type, or what the rest of the name leads to from there."""
    described = _type_named(parts[0]) if parts else None
    if described is None:
        return None
    owners = [described]
    for number, part in enumerate(parts[1:], 2):
        last = number == len(parts)
        owner, held = next(((one, one.properties[part]) for one in owners if part in one.properties), (None, None))
        if held is None:
            value = getattr(bpy.context, part, None) if owners[0].identifier == "Context" else None
            if last or value is None or not hasattr(value, "bl_rna"):
                return _no_property(owners, part, value) if last else None
            owners = [value.bl_rna]
        elif last:
            return _property(owner, held)
        elif held.type not in ("POINTER", "COLLECTION"):
            return None
        else:
            # What follows a collection is one of its own functions or, with an index, of its items.
            owners = [one for one in (getattr(held, "srna", None), held.fixed_type) if one is not None]
    return _type(owners[0])


def _no_property(owners, part, value):
    """A function, or what only Python has: methods of bpy_struct, of bpy_types, members of the context."""
    for owner in owners:
        function = owner.functions.get(part)
        if function is not None:
            return _function(owner, function)
    if owners[0].identifier == "Context" and part in dir(bpy.context):
        return {
            "name": "bpy.context.%s" % part,
            "kind": "property",
            "type": type(value).__name__ if value is not None else "None now",
            "read_only": True,
            "description": "A member of the context: it depends on the window's area and the mode.",
        }
    for owner in owners:
        found = getattr(getattr(bpy.types, owner.identifier, None), part, None)
        if found is not None and not part.startswith("_"):
            told = {"name": "bpy.types.%s.%s" % (owner.identifier, part), "kind": "function"}
            if inspect.isfunction(found):
                told["signature"] = part + str(inspect.signature(found)).replace("(self, ", "(").replace("(self)", "()")
            return dict(told, description=(inspect.getdoc(found) or "")[:_DOC_CHARS_MAX])
    return None


def within(name):
    """Names like the last part of `name` among what its first parts lead to: `Object.loction` -> Object.location."""
    head, _, last = name.replace("bpy.types.", "").rpartition(".")
    group = head.replace("bpy.ops.", "").replace("bpy.", "")
    if group in dir(bpy.ops):
        close = difflib.get_close_matches(last, dir(getattr(bpy.ops, group)), n=3, cutoff=0.6)
        if close:
            return ["bpy.ops.%s.%s" % (group, one) for one in close]
    told = describe(head) if head else None
    owner = (told or {}).get("name", "")
    if told is not None and "next" in told:
        owner = told["next"].rpartition(" ")[2]
    described = rna(owner.replace("bpy.types.", ""))
    if described is None:
        return []
    known = [*described.properties.keys(), *described.functions.keys()]
    return ["bpy.types.%s.%s" % (described.identifier, one) for one in difflib.get_close_matches(last, known, n=3)]


def _type_named(name):
    if rna(name) is not None:
        return rna(name)
    plain = name.replace("_", "").lower()
    return next((rna(one) for one in type_names() if one.lower() == plain), None)


def _type(described):
    told = {
        "name": "bpy.types.%s" % described.identifier,
        "kind": "node" if is_node(described.identifier) else "type",
        "description": described.description,
        "base": described.base.identifier if described.base else None,
        "properties": [parts_of.line(one) for one in own(described, "properties")],
        "functions": [parts_of.signature(one) for one in own(described, "functions")],
    }
    if told["kind"] == "node":
        told.update(parts_of.sockets(described.identifier))
    inherited = []
    base = described.base
    while base is not None:
        inherited += ["%s.%s" % (base.identifier, one.identifier) for one in own(base, "properties")]
        base = base.base
    told["inherited"] = inherited
    return fit(told, ["inherited", "properties", "functions", "inputs", "outputs"])


def _property(described, held):
    told = {
        "name": "bpy.types.%s.%s" % (described.identifier, held.identifier),
        "kind": "property",
        "title": held.name,
        "description": held.description,
        "type": parts_of.kind(held),
        "read_only": held.is_readonly,
    }
    told.update(parts_of.limits(held))
    note = _NOTES.get((described.identifier, held.identifier))
    if note:
        told["note"] = note
    if held.type in ("POINTER", "COLLECTION"):
        told["next"] = "docs.get bpy.types.%s" % (getattr(held, "srna", None) or held.fixed_type).identifier
    return fit(told, ["items"])


def _function(described, function):
    told = {
        "name": "bpy.types.%s.%s" % (described.identifier, function.identifier),
        "kind": "function",
        "description": function.description,
        "signature": parts_of.signature(function),
        "arguments": [parts_of.argument(one) for one in function.parameters if not one.is_output],
        "returns": [parts_of.argument(one) for one in function.parameters if one.is_output],
    }
    return fit(told, ["arguments", "returns"])


def _operator(parts):
    if len(parts) != 2:
        return None
    found = versions.operator(".".join(parts))
    if found is None:
        return None
    described = found.get_rna_type()
    shown = [one for one in described.properties if one.identifier != "rna_type" and not one.is_hidden]
    hidden = [one.identifier for one in described.properties if one.is_hidden and one.identifier != "rna_type"]
    told = {
        "name": "bpy.ops.%s" % ".".join(parts),
        "kind": "operator",
        "title": described.name,
        "description": described.description,
        "arguments": [parts_of.argument(one) for one in shown],
        "hidden_arguments": hidden,
        "can_run_now": _polls(found),
    }
    return fit(told, ["hidden_arguments", "arguments"])


def _polls(found):
    try:
        return bool(found.poll())
    except Exception:  # a poll of an add-on's operator may fail in any way
        return None


def _of_module(owner, parts):
    """The docstring of something in a module that has no description in Blender's own form."""
    for part in parts[1:]:
        if part.startswith("_") or not isinstance(owner, (types.ModuleType, type)) and owner is not bpy.app:
            return None
        owner = getattr(owner, part, None)
        if owner is None:
            return None
    text = inspect.getdoc(owner) or ""
    members = []
    if isinstance(owner, (types.ModuleType, type)) or owner is bpy.app:
        members = [one for one in dir(owner) if not one.startswith("_") and not _SWIZZLE.fullmatch(one)]
    told = {"name": ".".join(parts), "kind": "python", "description": text[:_DOC_CHARS_MAX], "members": members}
    return fit(told, ["members", "description"])
