# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's descriptions of properties, arguments, enum items and sockets, as short lines and small dicts.

In: parts of `bl_rna`. Out: text and JSON for reference.py. It looks nothing up.
"""

import bpy

# Items of an enum that are told one by one; fonts and locales have hundreds.
ENUM_MAX = 80
# Characters of a description in a list.
_SHORT = 100
# Kind of a node by the tree that takes it: first part of its type -> type of the tree.
_TREES = (
    ("ShaderNode", "ShaderNodeTree"),
    ("GeometryNode", "GeometryNodeTree"),
    ("FunctionNode", "GeometryNodeTree"),
    ("CompositorNode", "CompositorNodeTree"),
    ("TextureNode", "TextureNodeTree"),
)


def line(held):
    """A property in the list of its type: "location: float[3] (translation). Location of the object"."""
    about = short(held.description or held.name)
    return "%s: %s%s%s" % (
        held.identifier,
        kind(held),
        " (read only)" if held.is_readonly else "",
        ". " + about if about else "",
    )


def signature(function):
    """A function as it is called: "ray_cast(origin, direction, …) -> result, location"."""
    given = []
    for one in function.parameters:
        if not one.is_output:
            given.append(one.identifier if one.is_required else "%s=%s" % (one.identifier, _default_text(one)))
    out = [one.identifier for one in function.parameters if one.is_output]
    return "%s(%s)%s" % (function.identifier, ", ".join(given), " -> " + ", ".join(out) if out else "")


def argument(held):
    """An argument of a function or operator."""
    told = {"name": held.identifier, "type": kind(held), "description": short(held.description or held.name)}
    if held.is_required:
        told["required"] = True
    told.update(limits(held, brief=True))
    if held.is_required:
        told.pop("default", None)
    return told


def kind(held):
    """ "float[3] (translation)", "enum", "Object" and so on."""
    if held.type == "POINTER":
        return held.fixed_type.identifier
    if held.type == "COLLECTION":
        return "collection of %s" % held.fixed_type.identifier
    length = getattr(held, "array_length", 0)
    name = held.type.lower() + ("[%d]" % length if length else "")
    return name if held.subtype in ("NONE", "") else "%s (%s)" % (name, held.subtype.lower())


def limits(held, brief=False):
    """Default, range and enum items, as far as there are any."""
    told = {}
    if held.type in ("FLOAT", "INT"):
        told["default"] = _rounded(held.default_array) if held.array_length else _rounded(held.default)
        low, high = held.hard_min, held.hard_max
        told.update({key: _rounded(value) for key, value in (("min", low), ("max", high)) if abs(value) < 2e9})
        if held.unit != "NONE" and not brief:
            told["unit"] = held.unit.lower()
    elif held.type == "BOOLEAN":
        told["default"] = list(held.default_array) if held.array_length else held.default
    elif held.type == "STRING":
        told["default"] = held.default
    elif held.type == "ENUM":
        told["default"] = sorted(held.default_flag) if held.is_enum_flag else held.default
        items = [*held.enum_items][:ENUM_MAX]
        if brief:
            told["items"] = [one.identifier for one in items]
        else:
            told["items"] = [_item(one) for one in items]
        if not items:
            told["items"] = []
            told["note"] = "its items depend on the file and context"
    return told


def sockets(identifier):
    """Inputs and outputs of a node: from one that is made for a moment, because classes do not know them."""
    kind = next((tree for start, tree in _TREES if identifier.startswith(start)), None)
    if kind is None:
        return {}
    tree = None
    try:
        tree = bpy.data.node_groups.new("Kapelle", kind)
        node = tree.nodes.new(identifier)
        return {"inputs": [_socket(one) for one in node.inputs], "outputs": [_socket(one) for one in node.outputs]}
    except RuntimeError:  # a node that only some trees take
        return {}
    finally:
        if tree is not None:
            bpy.data.node_groups.remove(tree)
            bpy.context.view_layer.update()  # what Blender announces of it, it announces now: it is no change


def short(text):
    """A description for a list."""
    text = " ".join((text or "").split())
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _socket(one):
    told = {"name": one.name, "type": one.type.lower()}
    if one.identifier != one.name:
        told["identifier"] = one.identifier
    value = getattr(one, "default_value", None)
    if isinstance(value, (bool, int, str)):
        told["default"] = value
    elif isinstance(value, float):
        told["default"] = round(value, 6)
    elif hasattr(value, "__len__"):
        told["default"] = [round(float(number), 6) for number in value]
    if not one.enabled or one.hide:
        told["shown"] = False
    return told


def _item(one):
    about = one.description or one.name
    return "%s: %s" % (one.identifier, short(about)) if about else one.identifier


def _default_text(held):
    if held.type in ("POINTER", "COLLECTION"):
        return "None"
    return repr(limits(held, brief=True).get("default"))


def _rounded(value):
    if isinstance(value, float):
        return float("%.7g" % value)
    return value if isinstance(value, int) else [float("%.7g" % one) for one in value]
