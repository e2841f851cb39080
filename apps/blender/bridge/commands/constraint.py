# SPDX-License-Identifier: GPL-3.0-or-later
"""constraint.*: what ties an object to others: following a path, looking at something, copying a place."""

import bpy

from .. import host, names, plain_names, settings
from ..bridgekit.problem import Problem
from ..command_table import table

# Other names that people use -> Blender's identifier.
ALIASES = {"look_at": "TRACK_TO", "aim": "TRACK_TO", "follow": "COPY_LOCATION", "parent": "CHILD_OF"}
# Kinds whose target is a curve.
_CURVES_ONLY = ("FOLLOW_PATH", "CLAMP_TO")
# Set by arguments of their own, or nothing that a caller sets.
_SHARED = ("name", "type", "influence", "mute", "enabled", "active", "show_expanded", "is_override_data")


@table.command("constraint.list", effect="read")
def list_(call, object):
    owner = names.object_named(object)
    return {"object": owner.name, "constraints": [_describe(one) for one in owner.constraints]}


@table.command("constraint.kinds", effect="read")
def kinds(call):
    return {"kinds": [{"kind": one.lower(), "label": label} for one, label in _kinds().items()]}


@table.command("constraint.add", effect="write")
def add(call, object, kind, target=None, name=None, influence=1.0, settings=None):
    owner = names.object_named(object)
    made = owner.constraints.new(_kind_named(kind))
    with host.current().taking_back(lambda: owner.constraints.remove(made)):
        _set(call, made, target, influence, None, settings)
        if name is not None:
            made.name = plain_names.plain(name)
    return _told(owner, made)


@table.command("constraint.set", effect="write")
def set_(call, object, name, target=None, influence=None, enabled=None, settings=None):
    owner = names.object_named(object)
    found = _find(owner, name)
    _set(call, found, target, influence, enabled, settings)
    return _told(owner, found)


@table.command("constraint.remove", effect="destructive")
def remove(call, object, name=None, keep_transform=False):
    owner = names.object_named(object)
    gone = [_find(owner, name)] if name is not None else [*owner.constraints]
    told = [one.name for one in gone]
    bpy.context.view_layer.update()
    placed = owner.matrix_world.copy()
    for one in told:
        owner.constraints.remove(owner.constraints[one])
    if keep_transform:
        owner.matrix_world = placed
    host.current().changed("object", owner.name)
    return {"object": owner.name, "removed": told, "left": [one.name for one in owner.constraints]}


def _kinds():
    items = bpy.types.Constraint.bl_rna.properties["type"].enum_items
    return {one.identifier: one.name for one in items}


def _kind_named(name):
    known = _kinds()
    folded = str(name).strip().lower().replace(" ", "_").replace("-", "_")
    for identifier, label in known.items():
        if folded in (identifier.lower(), label.lower().replace(" ", "_")):
            return identifier
    if folded in ALIASES:
        return ALIASES[folded]
    told = [one.lower() for one in known]
    raise Problem("not_found", "There is no constraint %r." % name, hint=names.near(folded, [*told, *ALIASES]))


def _find(owner, name):
    found = owner.constraints.get(name)
    if found is None:
        raise names.unknown("constraint of %r" % owner.name, name, owner.constraints.keys())
    return found


def _set(call, constraint, target, influence, enabled, given):
    what = constraint.type.lower().replace("_", " ") + " constraint"
    given = dict(given or {})
    if target is not None:
        given["target"] = target
    followed = names.object_named(given["target"]) if isinstance(given.get("target"), str) else None
    if constraint.type in _CURVES_ONLY and followed is not None and followed.type != "CURVE":
        raise Problem(  # Blender would take it and do nothing
            "arguments_invalid",
            "A %s needs a curve, and %r is a %s." % (what, followed.name, followed.type.lower()),
            hint="Create one with object.create and kind=curve.",
        )
    settings.set_all(call, constraint, given, what)
    if constraint.type == "FOLLOW_PATH" and followed is not None:
        followed.data.use_path = True  # as Blender's own menu does; without it nothing moves
    if influence is not None:
        constraint.influence = influence
    if enabled is not None:
        constraint.mute = not enabled


def _describe(one):
    return {
        "name": one.name,
        "kind": one.type.lower(),
        "influence": round(one.influence, 6),
        "enabled": not one.mute,
        "settings": settings.read(one, _SHARED, everything=False),
    }


def _told(owner, constraint):
    bpy.context.view_layer.update()
    host.current().changed("object", owner.name)
    placed = [round(number, 6) + 0.0 for number in owner.matrix_world.translation]
    return dict(_describe(constraint), object=owner.name, world_location=placed)
