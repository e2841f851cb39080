# SPDX-License-Identifier: GPL-3.0-or-later
"""object.*: the objects of the open file.

Objects are made with bpy.data and bmesh instead of operators, so that it needs no window and no context.
"""

import fnmatch

import bpy

from .. import describe, names, placing, shapes
from ..bridgekit.problem import Problem
from . import table


@table.command("object.list", effect="read")
def list_(call, type=None, collection=None, name=None, scene=None, offset=0, limit=200):
    found = names.find(bpy.data.collections, "collection", collection).all_objects if collection else None
    found = names.scene_named(scene).objects if found is None else found
    kept = [
        one
        for one in found
        if (type is None or one.type == type.upper()) and (name is None or fnmatch.fnmatch(one.name, name))
    ]
    shown = kept[offset : offset + limit]
    return {"objects": [describe.brief(one) for one in shown], "total": len(kept), "offset": offset}


@table.command("object.get", effect="read")
def get(call, name):
    return describe.full(names.object_named(name))


@table.command("object.create", effect="write")
def create(
    call,
    kind,
    name=None,
    location=(0.0, 0.0, 0.0),
    rotation=(0.0, 0.0, 0.0),
    scale=(1.0, 1.0, 1.0),
    size=2.0,
    depth=None,
    thickness=None,
    segments=None,
    smooth=False,
    text=None,
    points=None,
    material=None,
    parent=None,
    collection=None,
):
    # Everything that can be refused comes before anything is made.
    surface = names.find(bpy.data.materials, "material", material) if material else None
    above = names.object_named(parent) if parent else None
    home = placing.collection_for(collection)
    shape = shapes.Shape(kind, size, depth, thickness, segments, smooth, text, points)
    placing.leave_edit_mode()
    made = bpy.data.objects.new(name or shapes.title(kind), shape.data(name or shapes.title(kind)))
    if made.type == "EMPTY":
        made.empty_display_size = size / 2.0
    home.objects.link(made)
    if above is not None:
        made.parent = above
    placing.place(made, location, rotation, scale)
    if surface is not None:
        if made.data is None:
            raise Problem("arguments_invalid", "An empty has no surface for a material.", hint="Leave out `material`.")
        made.data.materials.append(surface)
    placing.activate(made)
    return describe.full(made)


@table.command("object.delete", effect="destructive")
def delete(call, name=None, names=None, children=False):
    wanted = ([name] if name is not None else []) + [*(names or [])]
    if not wanted:
        raise Problem("arguments_invalid", "object.delete needs a name.", hint="Pass `name` or `names`.")
    found = _found(wanted, children)
    told = [one.name for one in found]
    placing.leave_edit_mode()
    for one in found:
        data = one.data
        bpy.data.objects.remove(one, do_unlink=True)
        if data is not None and data.users == 0:
            bpy.data.batch_remove([data])
    return {"deleted": told}


@table.command("object.transform", effect="write")
def transform(call, name, location=None, rotation=None, scale=None, relative=False):
    if location is None and rotation is None and scale is None:
        raise Problem(
            "arguments_invalid", "There is nothing to change.", hint="Pass `location`, `rotation` or `scale`."
        )
    found = names.object_named(name)
    if relative:
        placing.move(found, location, rotation, scale)
    else:
        placing.place(found, location, rotation, scale)
    bpy.context.view_layer.update()
    return describe.full(found)


def _found(wanted, children):
    """The objects of these names, each once, with all below them if asked for."""
    found = {}
    for one in wanted:
        thing = names.object_named(one)
        found[thing.name] = thing
        if children:
            found.update((below.name, below) for below in thing.children_recursive)
    return list(found.values())
