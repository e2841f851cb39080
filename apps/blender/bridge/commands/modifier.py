# SPDX-License-Identifier: GPL-3.0-or-later
"""modifier.*: modifiers of objects, of every kind, with their settings by Blender's names."""

import bpy

from .. import copying, describe, host, modifiers, names, operating, plain_names, versions
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("modifier.list", effect="read")
def list_(call, object, everything=False):
    owner = names.object_named(object)
    return {"object": owner.name, "modifiers": [modifiers.describe(one, everything) for one in owner.modifiers]}


@table.command("modifier.kinds", effect="read")
def kinds(call, kind=None):
    if kind is None:
        return {"kinds": [{"kind": one.lower(), "label": label} for one, label in modifiers.kinds().items()]}
    found = modifiers.kind_named(kind)
    return {"kind": found.lower(), "label": modifiers.kinds()[found], "settings": modifiers.about(found)}


@table.command("modifier.add", effect="write")
def add(call, object, kind, name=None, settings=None, position=None):
    owner = names.object_named(object)
    wanted = modifiers.kind_named(kind)
    if not hasattr(owner, "modifiers"):
        raise _unsuitable(owner, wanted)
    try:
        made = owner.modifiers.new(plain_names.plain(name) or modifiers.kinds()[wanted], wanted)
    except (RuntimeError, TypeError):
        made = None
    if made is None:
        raise _unsuitable(owner, wanted)
    with host.current().taking_back(lambda: owner.modifiers.remove(made)):
        modifiers.set_all(call, made, settings or {})
        _move(owner, made, position)
    return _told(owner, made)


@table.command("modifier.set", effect="write")
def set_(call, object, name, settings=None, rename=None, visible=None, visible_in_viewport=None, position=None):
    owner = names.object_named(object)
    found = modifiers.find(owner, name)
    modifiers.set_all(call, found, settings or {})
    _move(owner, found, position)
    if visible is not None:
        found.show_render = visible
        visible_in_viewport = visible if visible_in_viewport is None else visible_in_viewport
    if visible_in_viewport is not None:
        found.show_viewport = visible_in_viewport
    if rename is not None:
        found.name = plain_names.plain(rename)
    return _told(owner, found)


@table.command("modifier.apply", effect="write")
def apply(call, object, name=None, single_user=False):
    owner = names.object_named(object)
    wanted = [modifiers.find(owner, name).name] if name is not None else [one.name for one in owner.modifiers]
    if not wanted:
        raise Problem("arguments_invalid", "%r has no modifiers." % owner.name, hint="Add one with modifier.add.")
    if owner.data.users > 1:
        if not single_user:
            raise Problem(
                "call_failed",
                "%r shares its data with other objects, which would change too." % owner.name,
                hint="Pass single_user=true to give it its own data first.",
            )
        copying.single(owner)
    with operating.chosen([owner]):
        for one in wanted:
            operating.run(bpy.ops.object.modifier_apply, modifier=one)
    host.current().changed("object", owner.name)
    return dict(describe.full(owner), applied=wanted)


@table.command("modifier.remove", effect="destructive")
def remove(call, object, name=None):
    owner = names.object_named(object)
    wanted = [modifiers.find(owner, name)] if name is not None else [*owner.modifiers]
    gone = [one.name for one in wanted]
    for one in gone:
        owner.modifiers.remove(owner.modifiers[one])
    host.current().changed("object", owner.name)
    return {"object": owner.name, "removed": gone, "left": [one.name for one in owner.modifiers]}


def _move(owner, modifier, position):
    if position is None:
        return
    last = len(owner.modifiers) - 1
    if position > last:
        raise Problem(
            "arguments_invalid",
            "There is no position %d." % position,
            hint="Positions are counted from 0; the last is %d." % last,
        )
    versions.move_modifier(owner, modifier, position)


def _told(owner, modifier):
    host.current().changed("object", owner.name)
    told = modifiers.describe(modifier)
    told["object"] = owner.name
    told["position"] = owner.modifiers.find(modifier.name)
    bpy.context.view_layer.update()
    told["dimensions"] = describe.brief(owner)["dimensions"]
    return told


def _unsuitable(owner, kind):
    return Problem(
        "arguments_invalid",
        "A %s cannot have a modifier %s." % (owner.type.lower(), kind.lower()),
        hint="Most modifiers need a mesh; convert it with object.convert.",
    )
