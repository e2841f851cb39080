# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of modifiers and their settings, geometry nodes' inputs among them.

In: a kind as people call it ("bevel", "Subdivision Surface", "geometry_nodes"). Out: Blender's identifier, its
type, its settings as JSON, or a Problem that tells the near ones.
"""

import math

import bpy

from . import names, outside, settings, versions
from .bridgekit.problem import Problem

# Other names that people use -> Blender's identifier.
ALIASES = {
    "subdivision": "SUBSURF",
    "subdivide": "SUBSURF",
    "subdiv": "SUBSURF",
    "geometry_node": "NODES",
    "geonodes": "NODES",
    "thickness": "SOLIDIFY",
    "lathe": "SCREW",
    "twist": "SIMPLE_DEFORM",
    "bend": "SIMPLE_DEFORM",
    "taper": "SIMPLE_DEFORM",
}
# Kinds whose type is not called as they are.
_IRREGULAR = {
    "GREASE_PENCIL_VERTEX_WEIGHT_PROXIMITY": "GreasePencilWeightProximityModifier",
    "GREASE_PENCIL_VERTEX_WEIGHT_ANGLE": "GreasePencilWeightAngleModifier",
    "GREASE_PENCIL_THICKNESS": "GreasePencilThickModifierData",
    "GREASE_PENCIL_DASH": "GreasePencilDashModifierData",
    "LINEART": "GreasePencilLineartModifier",
}
# Set by arguments of their own, or nothing that a caller sets.
SHARED = ("name", "type", "show_expanded", "is_active", "show_on_cage", "use_apply_on_spline", "use_pin_to_last")
SHARED_PREFIXES = ("show_group", "show_manage", "open_")


def kinds():
    """{identifier: label} of all that this Blender has."""
    items = bpy.types.Modifier.bl_rna.properties["type"].enum_items
    return {one.identifier: one.name for one in items}


def kind_named(name):
    """Blender's identifier. Raises not_found."""
    known = kinds()
    folded = str(name).strip().lower().replace(" ", "_").replace("-", "_")
    if folded.upper() in known:
        return folded.upper()
    for identifier, label in reversed(known.items()):  # strokes' have the same labels and stand first
        if folded == label.lower().replace(" ", "_"):
            return identifier
    if ALIASES.get(folded) in known:
        return ALIASES[folded]
    told = [one.lower() for one in known]
    raise Problem("not_found", "There is no modifier %r." % name, hint=names.near(folded, [*told, *ALIASES]))


def type_of(kind):
    """The type of bpy.types of a kind: "SIMPLE_DEFORM" -> SimpleDeformModifier."""
    wanted = _IRREGULAR.get(kind, kind.replace("_", "") + "Modifier").lower()
    for name in dir(bpy.types):
        if name.lower() == wanted:
            return getattr(bpy.types, name)
    raise Problem("not_supported", "The settings of %s are not known." % kind.lower())


def find(owner, name):
    """The modifier of an object. Raises not_found."""
    found = owner.modifiers.get(name)
    if found is None:
        raise names.unknown("modifier of %r" % owner.name, name, owner.modifiers.keys())
    return found


def set_all(call, modifier, given):
    """Sets settings by Blender's names, and inputs of geometry nodes by the names that the group gives them."""
    what = modifier.type.lower().replace("_", " ") + " modifier"
    if not any(isinstance(value, str) for value in given.values()):  # nothing that could be a path or a group
        _set_all(call, modifier, dict(given), what)
        return
    before = _texts(modifier)
    try:
        outside.nodes_set_by(call, modifier, lambda: _set_all(call, modifier, dict(given), what), what)
    except BaseException:
        _put_back(modifier, *before)
        raise


def _set_all(call, modifier, given, what):
    if modifier.type == "NODES":
        if "node_group" in given:  # first, since it brings the inputs
            settings.set_all(call, modifier, {"node_group": given.pop("node_group")}, what)
        inputs = versions.group_inputs(modifier)
        of_group = {name: given.pop(name) for name in [*given] if name in inputs}
        unknown = [name for name in given if "." not in name and name not in modifier.bl_rna.properties]
        if unknown:
            known = [*inputs, "node_group", "show_viewport", "show_render"]
            raise Problem(
                "not_found", "The node group has no input %r." % unknown[0], hint=names.near(unknown[0], known)
            )
        for name, value in of_group.items():
            _set_input(modifier, name, inputs[name], value)
    settings.set_all(call, modifier, given, what)


def describe(modifier, everything=False):
    """A modifier as JSON; without `everything` only settings that differ from their defaults."""
    leave_out = [*SHARED, "show_viewport", "show_render"]
    leave_out += [one.identifier for one in modifier.bl_rna.properties if one.identifier.startswith(SHARED_PREFIXES)]
    told = {
        "name": modifier.name,
        "kind": modifier.type.lower(),
        "visible": modifier.show_render,
        "visible_in_viewport": modifier.show_viewport,
        "settings": settings.read(modifier, leave_out, everything),
    }
    if modifier.type == "NODES":
        told["inputs"] = {
            name: _input_json(item, versions.group_input(modifier, identifier))
            for name, (identifier, item) in versions.group_inputs(modifier).items()
        }
    return told


def about(kind):
    """The settings of a kind: what they are called, what they take, what they do."""
    rna = type_of(kind).bl_rna
    leave_out = [*SHARED, *(one.identifier for one in rna.properties if one.identifier.startswith(SHARED_PREFIXES))]
    return settings.about(rna, leave_out)


def _texts(modifier):
    """(group, {identifier: text}) of a geometry nodes modifier."""
    if modifier.type != "NODES":
        return None, {}
    found = {one: versions.group_input(modifier, one) for one, _item in versions.group_inputs(modifier).values()}
    return modifier.node_group, {name: value for name, value in found.items() if isinstance(value, str)}


def _put_back(modifier, group, given):
    """What was handed to the nodes, so that nothing refused is evaluated."""
    if modifier.type == "NODES":
        if modifier.node_group != group:
            modifier.node_group = group
        for identifier, text in given.items():
            versions.set_group_input(modifier, identifier, text)


def _set_input(modifier, name, found, value):
    identifier, item = found
    now = versions.group_input(modifier, identifier)
    kind = (getattr(item, "socket_type", None) or item.bl_socket_idname).replace("NodeSocket", "")
    whole = {"Object": "objects", "Collection": "collections", "Material": "materials", "Image": "images"}
    if kind in whole:
        value = None if value is None else names.find(getattr(bpy.data, whole[kind]), kind.lower(), value)
    elif hasattr(now, "__len__") and not isinstance(now, str):
        if not isinstance(value, (list, tuple)) or len(value) != len(now):
            raise Problem(
                "arguments_invalid",
                "The input %r cannot be %r." % (name, value),
                hint="It takes %d numbers." % len(now),
            )
        value = [float(one) for one in value]  # whole numbers would make another property of it
    elif not _suits(value, kind, now):
        raise Problem("arguments_invalid", "The input %r cannot be %r." % (name, value), hint="Now it is %r." % (now,))
    elif isinstance(now, float):
        value = math.radians(value) if _is_angle(item) else float(value)
    try:
        versions.set_group_input(modifier, identifier, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise Problem("arguments_invalid", "The input %r cannot be %r: %s" % (name, value, error)) from None
    modifier.id_data.update_tag()


def _suits(value, kind, now):
    """Whether a value is of the sort that the input has; older Blenders take anything and show an error later."""
    if kind == "Bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if isinstance(now, float):
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, type(now))


def _is_angle(item):
    return getattr(item, "subtype", "") == "ANGLE" or getattr(item, "bl_socket_idname", "") == "NodeSocketFloatAngle"


def _input_json(item, value):
    if isinstance(value, bpy.types.ID):
        return value.name
    if isinstance(value, float):
        return round(math.degrees(value) if _is_angle(item) else value, 6)
    return [float(one) for one in value] if hasattr(value, "__len__") and not isinstance(value, str) else value
