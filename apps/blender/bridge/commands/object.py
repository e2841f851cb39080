# SPDX-License-Identifier: GPL-3.0-or-later
"""object.*: the objects of the open file.

Objects are made with bpy.data and bmesh instead of operators, so that it needs no window and no context.
What bpy.data has nothing for (applying, joining, converting) is in reshaping.py.
"""

import fnmatch

import bpy

from .. import convert as values
from .. import copying, describe, host, names, naming, operating, placing, plain_names, reshaping, settings, shapes
from ..bridgekit.problem import Problem
from ..command_table import table

# The parts of a transform.
PARTS = ("location", "rotation", "scale")


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
    if material is not None and kind == "empty":
        raise Problem("arguments_invalid", "An empty cannot have a material.", hint="Leave out `material`.")
    surface = names.find(bpy.data.materials, "material", material) if material else None
    above = names.object_named(parent) if parent else None
    home = placing.collection_for(collection)
    shape = shapes.Shape(kind, size, depth, thickness, segments, smooth, text, points)
    placing.leave_edit_mode()
    title = plain_names.plain(name) or shapes.title(kind)
    made = bpy.data.objects.new(title, shape.data(title))
    if made.type == "EMPTY":
        made.empty_display_size = size / 2.0
    home.objects.link(made)
    if above is not None:
        made.parent = above
    placing.place(made, location, rotation, scale)
    if surface is not None:
        made.data.materials.append(surface)
    placing.activate(made)
    return describe.full(made)


@table.command("object.delete", effect="destructive")
def delete(call, name=None, names=None, children=False):
    found = naming.objects(name, names, "object.delete")
    if children:
        found = list(dict.fromkeys(below for one in found for below in (one, *one.children_recursive)))
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


@table.command("object.duplicate", effect="write")
def duplicate(
    call, name, count=1, offset=None, rotation_offset=None, linked=False, children=False, new_name=None, collection=None
):
    original = names.object_named(name)
    home = placing.collection_for(collection) if collection is not None else None
    placing.leave_edit_mode()
    made = []
    for number in range(1, count + 1):
        copy = copying.duplicate(original, linked, children, home)
        if new_name is not None:
            copy.name = plain_names.plain(new_name)
        placing.move(
            copy,
            [number * each for each in offset] if offset is not None else None,
            [number * each for each in rotation_offset] if rotation_offset is not None else None,
        )
        made.append(copy)
    placing.activate(made[-1])
    return {"objects": [describe.brief(one) for one in made], "total": len(made)}


@table.command("object.rename", effect="write")
def rename(call, name, to, data=True):
    found = names.object_named(name)
    naming.rename(bpy.data.objects, "object", found, to)
    if data and found.data is not None and found.data.users == 1 and found.data.library is None:
        found.data.name = plain_names.plain(to)
    return describe.full(found)


@table.command("object.parent", effect="write")
def parent(call, name=None, names=None, parent=None, clear=False, keep_transform=True, bone=None):
    below = naming.objects(name, names, "object.parent")
    if clear == (parent is not None):
        raise Problem(
            "arguments_invalid", "Pass either a parent or clear=true.", hint="Pass `parent`, or clear=true to clear it."
        )
    above = naming.objects(parent, None, "object.parent")[0] if parent is not None else None
    _check_parent(below, above, bone)
    bpy.context.view_layer.update()
    for one in below:
        placed = one.matrix_world.copy()
        one.parent = above
        one.parent_type, one.parent_bone = ("BONE", bone) if bone is not None else ("OBJECT", "")
        one.matrix_parent_inverse.identity()
        if keep_transform and above is not None and bone is None:
            # As Blender's own: its own values stay, and nothing of a shear is lost.
            one.matrix_parent_inverse = above.matrix_world.inverted_safe() @ placed @ one.matrix_basis.inverted_safe()
        elif keep_transform:
            bpy.context.view_layer.update()
            one.matrix_world = placed
    bpy.context.view_layer.update()
    return {"objects": [describe.brief(one) for one in below]}


@table.command("object.select", effect="write")
def select(call, names=None, pattern=None, type=None, collection=None, mode="set", active=None):
    leading = naming.objects(active, None, "object.select")[0] if active is not None else None
    given = any(one is not None for one in (names, pattern, type, collection))
    found = naming.fitting(names, pattern, type, collection) if given else [leading] if leading else []
    placing.leave_edit_mode()
    layer = bpy.context.view_layer
    layer.update()
    if mode == "set":
        operating.select(set())
    refused = []
    for one in [*found, leading] if leading and mode != "remove" else found:
        if one.name not in layer.objects:
            refused.append(one.name)
            continue
        one.select_set(mode != "remove")
        if mode != "remove" and not one.select_get():
            refused.append(one.name)
    if leading is not None and leading.name in layer.objects:
        layer.objects.active = leading
    elif mode == "set":
        layer.objects.active = next((one for one in layer.objects if one.select_get()), None)
    now = layer.objects.active
    chosen = [one.name for one in layer.objects if one.select_get()]
    told = {"selected": chosen[: describe.NAMES_MAX], "total": len(chosen), "active": now.name if now else None}
    if refused:
        told["not_selectable"] = sorted(set(refused))  # hidden, locked, or in another scene
    return told


@table.command("object.set", effect="write")
def set_(
    call,
    name=None,
    names=None,
    visible=None,
    visible_in_viewport=None,
    selectable=None,
    shading=None,
    angle=30.0,
    text=None,
    display=None,
    properties=None,
    settings=None,
    data_settings=None,
):
    found = naming.objects(name, names, "object.set")
    given = (visible, visible_in_viewport, selectable, shading, text, display, properties, settings, data_settings)
    if all(one is None for one in given):
        raise Problem("arguments_invalid", "There is nothing to change.", hint="Pass `visible`, `shading` or the like.")
    for one in found:
        _check_set(one, text, shading, data_settings)
    for one in found:
        _set_settings(call, one, settings, data_settings)
        if shading is not None:
            reshaping.shade(one, shading, angle)
        if text is not None:
            one.data.body = text
        if display is not None:
            one.display_type = display.upper()
        _show(one, visible, visible_in_viewport, selectable)
        values.set_properties(one, properties or {})
        host.current().changed("object", one.name)
    return {"objects": [describe.full(one) for one in found]}


@table.command("object.apply", effect="write")
def apply(call, name=None, names=None, only=None, single_user=False):
    found = naming.objects(name, names, "object.apply")
    wanted = PARTS if only is None else only
    unknown = [one for one in wanted if one not in PARTS]
    if unknown or not wanted:
        raise Problem(
            "arguments_invalid",
            "A transform has no part %r." % (unknown[0] if unknown else ""),
            hint="Parts: location, rotation, scale.",
        )
    reshaping.apply_transform(found, *(one in wanted for one in PARTS), single_user)
    return {"objects": [describe.full(one) for one in found]}


@table.command("object.set_origin", effect="write")
def set_origin(call, name, to="geometry", single_user=False):
    found = names.object_named(name)
    reshaping.set_origin(found, to, single_user)
    return describe.full(found)


@table.command("object.join", effect="destructive")
def join(call, names, into=None, single_user=False):
    found = naming.objects(None, [*names, *([into] if into is not None else [])], "object.join")
    if len(found) < 2:
        raise Problem("arguments_invalid", "Joining needs at least two objects.", hint="Pass their `names`.")
    target = found[0] if into is None else naming.objects(into, None, "object.join")[0]
    gone = [one.name for one in found if one != target]
    reshaping.join(found, target, single_user)
    return dict(describe.full(target), joined=gone)


@table.command("object.convert", effect="write")
def convert(call, name, to="mesh"):
    found = names.object_named(name)
    reshaping.convert(found, to)
    return describe.full(names.object_named(name))


def _check_parent(below, above, bone):
    if bone is not None:
        if above is None or above.type != "ARMATURE":
            raise Problem("arguments_invalid", "Only an armature has bones.", hint="Leave out `bone`.")
        names.find(above.data.bones, "bone", bone)
    for one in below:
        if above is not None and (above == one or above in one.children_recursive):
            raise Problem(
                "arguments_invalid",
                "%r cannot be parented to %r, which is one of its own children." % (one.name, above.name),
                hint="Clear the parent of %r first." % above.name,
            )


def _check_set(one, text, shading, data_settings):
    if text is not None and one.type != "FONT":
        raise Problem("arguments_invalid", "%r is a %s and has no text." % (one.name, one.type.lower()))
    if data_settings and one.data is None:
        raise Problem("arguments_invalid", "%r is an empty and has no data." % one.name)
    if shading is not None and one.type not in ("MESH", "CURVE"):
        raise Problem("arguments_invalid", "%r is a %s and has no faces to shade." % (one.name, one.type.lower()))


def _set_settings(call, one, own, data):
    settings.set_all(call, one, own or {}, "object")
    if data:
        settings.set_all(call, one.data, data, "%s's data" % one.type.lower())


def _show(one, visible, visible_in_viewport, selectable):
    if visible is not None:
        one.hide_render = not visible
        visible_in_viewport = visible if visible_in_viewport is None else visible_in_viewport
    if visible_in_viewport is not None:
        one.hide_viewport = not visible_in_viewport
        if visible_in_viewport and one.name in bpy.context.view_layer.objects:
            one.hide_set(False)
    if selectable is not None:
        one.hide_select = not selectable
