# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about an exception in a caller's code, in one sentence or two.

In: the exception, still with its traceback. Out: a hint or None. It tells the names that an API which changed has in
the running version (api_breaks.py), names that are near to one that does not exist, what a poll misses, and which kept
variables are gone. Nothing of the caller's code runs again: from its text only plain reads of names, attributes and
items are followed (asked.py), to find the collection or the operator that was meant.
"""

import linecache
import re

import bpy

from . import asked, kept, names, versions
from .bridgekit.tracebacks import CODE_NAME

# Kept variables that a hint names, and frames that are looked into for them.
GONE_MAX = 10
FRAMES_MAX = 20
# How Blender words what is missing.
_KEY = re.compile(r'key "(.+?)" not found', re.DOTALL)
_ATTRIBUTE = re.compile(r"'([\w.]+)' object has no attribute '(\w+)'")
_ATTRIBUTE_OF_ITEMS = re.compile(r'bpy_prop_collection: attribute "(\w+)" not found')
_ATTRIBUTE_OF_MODULE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_OPERATOR = re.compile(r'"bpy\.ops\.(\w+\.\w+)" error, could not be found')
_ENUM = re.compile(r'enum "(.*?)" not found in \((.*)\)', re.DOTALL)
_KEYWORD = re.compile(r'keyword "(\w+)" (?:unrecognized|is invalid)')
_KEYWORD_OWNER = re.compile(r"^(\w+): keyword")
_NODE = re.compile(r"Node type (\w+) undefined")
# Where a name is looked for when the code does not tell the collection.
_USUAL = ("objects", "materials", "meshes", "collections", "scenes", "lights", "cameras", "images")


def explain(exc):
    """The hint for it."""
    text = str(exc)
    if isinstance(exc, ReferenceError):
        return _gone(exc)
    if isinstance(exc, KeyError):
        return _key(exc, text)
    if isinstance(exc, ImportError):
        return versions.api_hint("module", getattr(exc, "name", None) or "")
    if isinstance(exc, AttributeError):
        return _operator(text) or _attribute(exc, text)
    hint = versions.api_hint("text", text, [type(exc).__name__])
    if hint is None and isinstance(exc, TypeError):
        hint = _enum(exc, text) or _keyword(exc, text)
    if hint is None and isinstance(exc, RuntimeError):
        hint = _node(text) or (_context() if "poll()" in text else None)
    return hint


def near_operator(idname):
    """What a bpy.ops name that is not there is called here, or what is near to it."""
    told = versions.api_hint("operator", idname)
    if told is not None:
        return told
    group, _, name = idname.partition(".")
    groups = [one for one in dir(bpy.ops) if not one.startswith("_")]
    if group not in groups:
        near = [one for one in names.close(group, groups) if name in dir(getattr(bpy.ops, one))]
        if near:
            return "Did you mean %s?" % " or ".join(repr("%s.%s" % (one, name)) for one in near)
        return names.near(group, groups)
    same = [one for one in groups if name in dir(getattr(bpy.ops, one))]
    if same:
        return "There is %s." % " and ".join("bpy.ops.%s.%s" % (one, name) for one in same[:3])
    return names.near(idname, ["%s.%s" % (group, one) for one in dir(getattr(bpy.ops, group))])


def near_keyword(idname, keyword):
    """What an argument that the operator does not take is called here, or what is near to it."""
    renamed = versions.api_hint("keyword", keyword, [idname])
    known = asked.keywords(idname)
    return renamed or (names.near(keyword, known) if known else "bpy.ops.%s takes no arguments." % idname)


def _gone(exc):
    found = []
    for frame in _frames(exc):
        for variables in (frame.f_locals, frame.f_globals):
            found += [name for name in kept.invalid(variables, parts=False) if name not in found]
    named = ", ".join("`%s`" % name for name in found[:GONE_MAX])
    return (
        "%s something that was deleted, undone (history.undo, history.revert, the artist's Ctrl-Z) or belonged to a "
        "file that is closed. Fetch it again by its name, such as bpy.data.objects['…']."
        % ("%s hold%s" % (named, "s" if len(found) == 1 else "") if found else "The variable holds")
    )


def _key(exc, text):
    """Near names for `bpy.data.objects["Cuve"]`: from the collection that the code names, else from the usual ones."""
    found = _KEY.search(text)
    if found is None:
        return None
    wanted = found.group(1)
    owner = asked.owner_of_key(*_place(exc), wanted)
    if isinstance(owner, bpy.types.bpy_prop_collection):
        renamed = versions.api_hint("key", wanted) if _is_inputs(owner) else None
        return renamed or names.near(wanted, owner.keys())
    if isinstance(owner, bpy.types.bpy_struct):
        if hasattr(owner, wanted):
            return "Keys are for custom properties; this is an attribute: .%s" % wanted
        return "Custom properties here: %s" % (", ".join(map(repr, list(owner.keys())[: names.LISTED_MAX])) or "none")
    renamed = versions.api_hint("key", wanted)
    if renamed is not None:
        return renamed
    for attribute in _USUAL:
        hint = names.near(wanted, getattr(bpy.data, attribute).keys())
        if hint.startswith("Did you mean"):
            return "%s (in bpy.data.%s)" % (hint, attribute)
    return None


def _is_inputs(collection):
    return any(isinstance(one, bpy.types.NodeSocket) for one in collection[:1])


def _operator(text):
    found = _OPERATOR.search(text)
    return near_operator(found.group(1)) if found else None


def _attribute(exc, text):
    owner, name = getattr(exc, "obj", None), getattr(exc, "name", None)
    # Setting one in older Pythons, and Blender's own collections, tell it in the message alone.
    in_items = _ATTRIBUTE_OF_ITEMS.search(text)
    found = _ATTRIBUTE_OF_MODULE.search(text) or _ATTRIBUTE.search(text)
    if in_items:
        kind, said = "bpy_prop_collection", in_items.group(1)
    elif found:
        kind, said = found.group(1), found.group(2)
    else:
        return None
    name = name or said
    if kind == "module" and name not in dir(bpy.types):
        return versions.api_hint("type", name) or _near_only(name, dir(bpy.types))
    if owner is None:
        owner = getattr(bpy.types, kind, None)
    hint = versions.api_hint("attribute", name, [kind, *_kinds(owner)])
    if hint is not None or not _is_blenders(owner):
        return hint
    known = owner.bl_rna.properties.keys() if isinstance(owner, type) else []
    return _near_only(name, [one for one in [*known, *dir(owner)] if not one.startswith("_")])


def _kinds(owner):
    """Names of what it is, its bases included: PointLight, Light, ID."""
    if owner is None:
        return []
    kind = owner if isinstance(owner, type) else type(owner)
    told = [one.__name__ for one in kind.__mro__]
    module = getattr(owner, "__name__", None)
    return [*told, module] if isinstance(module, str) else told


def _is_blenders(owner):
    if isinstance(owner, (bpy.types.bpy_struct, bpy.types.bpy_prop_collection)):
        return True
    if isinstance(owner, type):
        return issubclass(owner, bpy.types.bpy_struct)
    return str(getattr(owner, "__name__", "")).startswith("bpy") or type(owner).__name__ == "bpy.app.handlers"


def _enum(exc, text):
    found = _ENUM.search(text)
    if found is None:
        return None
    wanted, listed = found.group(1), re.findall(r"'([^']*)'", found.group(2))
    renamed = versions.api_hint("enum", wanted)
    if renamed is not None:
        return renamed
    if not listed:  # it depends on the context, and this one offers nothing: all that there may be
        listed = asked.enum_of_operator(*_place(exc), wanted)
    return _near_only(wanted, listed)


def _keyword(exc, text):
    found = _KEYWORD.search(text)
    if found is None:
        return None
    owner = _KEYWORD_OWNER.match(text)
    if owner:
        return versions.api_hint("keyword", found.group(1), [owner.group(1)])
    idname = asked.operator_with(*_place(exc), found.group(1))
    if idname is None:
        return versions.api_hint("keyword", found.group(1))
    return near_keyword(idname, found.group(1))


def _node(text):
    found = _NODE.search(text)
    if found is None:
        return None
    known = [one for one in dir(bpy.types) if re.match(r"\w+Node[A-Z]", one)]
    return versions.api_hint("node", found.group(1)) or _near_only(found.group(1), known)


def _near_only(name, known):
    hint = names.near(name, known) if known else ""
    return hint if hint.startswith("Did you mean") else None


def _context():
    context = bpy.context
    active = context.view_layer.objects.active if context.view_layer else None
    return (
        "The operator needs a different context. At present: mode %s, active object %s, %d selected. Set the active "
        "object and the mode first, pass a context with bpy.context.temp_override(…), or use bpy.data, not bpy.ops."
        % (context.mode, repr(active.name) if active else "none", len(context.selected_objects))
    )


def _frames(exc):
    """The frames of the caller's code, the innermost first."""
    found, trace = [], exc.__traceback__
    while trace is not None:
        if CODE_NAME.match(trace.tb_frame.f_code.co_filename):
            found.insert(0, trace.tb_frame)
        trace = trace.tb_next
    return found[:FRAMES_MAX]


def _place(exc):
    """(source, line, frame) of the innermost place in the caller's code; ("", 0, None) when there is none."""
    found, trace = ("", 0, None), exc.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if CODE_NAME.match(frame.f_code.co_filename):
            found = ("".join(linecache.getlines(frame.f_code.co_filename)), trace.tb_lineno, frame)
        trace = trace.tb_next
    return found
