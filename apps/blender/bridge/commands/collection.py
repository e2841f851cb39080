# SPDX-License-Identifier: GPL-3.0-or-later
"""collection.*: the folders of the outliner, what is in them, and what is seen of them."""

import bpy

from .. import describe, host, names, naming, placing, plain_names
from ..bridgekit.problem import Problem
from ..command_table import table

COLORS = ("none", "red", "orange", "yellow", "green", "blue", "violet", "pink", "brown")


@table.command("collection.list", effect="read")
def list_(call, scene=None):
    shown = names.scene_named(scene)
    inside = [shown.collection, *shown.collection.children_recursive]
    told = [_told(one) for one in inside]
    return {"collections": told, "root": shown.collection.name, "active": placing.collection_for().name}


@table.command("collection.create", effect="write")
def create(call, name, parent=None, objects=None, active=False):
    name = plain_names.plain(name)
    home = _collection(parent)
    inside = naming.objects(None, objects, "collection.create") if objects else []
    if name in bpy.data.collections:
        raise Problem("name_taken", "A collection %r already exists." % name, hint="Choose another name.")
    made = bpy.data.collections.new(name)
    home.children.link(made)
    _move(inside, made)
    if active:
        layer = _layer_of(made)
        if layer is not None:
            bpy.context.view_layer.active_layer_collection = layer
    return _told(made)


@table.command("collection.rename", effect="write")
def rename(call, name, to):
    found = names.find(bpy.data.collections, "collection", name)
    naming.rename(bpy.data.collections, "collection", found, to)
    host.current().changed("collection", found.name)
    return _told(found)


@table.command("collection.delete", effect="destructive")
def delete(call, name, contents=False):
    found = names.find(bpy.data.collections, "collection", name)
    placing.leave_edit_mode()
    gone = []
    if contents:
        gone = [one.name for one in found.all_objects]
        bpy.data.batch_remove([*found.children_recursive, *found.all_objects])
    else:
        for home in _homes(found):
            for one in found.objects:
                if one.name not in home.objects:
                    home.objects.link(one)
            for below in found.children:
                if below.name not in home.children:
                    home.children.link(below)
    bpy.data.collections.remove(found)
    return {"deleted": name, "objects_deleted": gone}


@table.command("collection.move", effect="write")
def move(call, objects, collection):
    home = _collection(collection)
    inside = naming.objects(None, objects, "collection.move")
    _move(inside, home)
    return _told(home)


@table.command("collection.link", effect="write")
def link(call, objects, collection):
    home = _collection(collection)
    for one in naming.objects(None, objects, "collection.link"):
        if one.name not in home.objects:
            home.objects.link(one)
    _note(home)
    return _told(home)


@table.command("collection.unlink", effect="write")
def unlink(call, objects, collection):
    home = _collection(collection)
    inside = naming.objects(None, objects, "collection.unlink")
    for one in inside:
        if one.name not in home.objects:
            raise names.unknown("object in %r" % home.name, one.name, home.objects.keys())
        if len(one.users_collection) == 1:
            raise Problem(
                "call_failed",
                "%r is in no other collection, so it would be lost." % one.name,
                hint="Use collection.move, or object.delete.",
            )
    for one in inside:
        home.objects.unlink(one)
    _note(home)
    return _told(home)


@table.command("collection.set", effect="write")
def set_(call, name, parent=None, visible=None, visible_in_viewport=None, excluded=None, selectable=None, color=None):
    found = names.find(bpy.data.collections, "collection", name)
    if parent is not None:
        _reparent(found, _collection(parent))
    if visible is not None:
        found.hide_render = not visible
        visible_in_viewport = visible if visible_in_viewport is None else visible_in_viewport
    layer = _layer_of(found)
    if visible_in_viewport is not None:
        found.hide_viewport = not visible_in_viewport
        if layer is not None and visible_in_viewport:
            layer.hide_viewport = False
    if excluded is not None:
        if layer is None:
            raise Problem("not_found", "%r is not in the active scene." % name, hint="Make its scene active first.")
        layer.exclude = excluded
    if selectable is not None:
        found.hide_select = not selectable
    if color is not None:
        number = COLORS.index(color)
        found.color_tag = "COLOR_%02d" % number if number else "NONE"
    _note(found)
    return _told(found)


def _collection(name):
    """The collection of that name; the scene's own one for None or its name. Raises not_found."""
    root = bpy.context.scene.collection
    if name is None or (name == root.name and name not in bpy.data.collections):
        return root
    return names.find(bpy.data.collections, "collection", name)


def _move(objects, home):
    for one in objects:
        for other in [*one.users_collection]:
            if other != home:
                other.objects.unlink(one)
        if one.name not in home.objects:
            home.objects.link(one)
    _note(home)


def _reparent(found, home):
    if home == found or home in found.children_recursive:
        raise Problem("arguments_invalid", "%r cannot go into itself." % found.name, hint="Choose another parent.")
    for other in _homes(found):
        if other != home:
            other.children.unlink(found)
    if found.name not in home.children:
        home.children.link(found)


def _homes(found):
    """The collections that hold this one, scenes' own ones among them."""
    known = [scene.collection for scene in bpy.data.scenes] + [*bpy.data.collections]
    return [one for one in known if found.name in one.children and one.children[found.name] == found]


def _layer_of(found):
    """The collection in the active view layer, or None."""
    waiting = [bpy.context.view_layer.layer_collection]
    while waiting:
        one = waiting.pop()
        if one.collection == found:
            return one
        waiting.extend(one.children)
    return None


def _note(found):
    if found.name in bpy.data.collections:
        host.current().changed("collection", found.name)
    else:
        host.current().changed("scene", bpy.context.scene.name)


def _told(one):
    layer = _layer_of(one)
    number = 0 if one.color_tag == "NONE" else int(one.color_tag[-2:])
    return {
        "name": one.name,
        "parents": [home.name for home in _homes(one)],
        "children": [below.name for below in one.children],
        "objects": [each.name for each in one.objects[: describe.NAMES_MAX]],
        "object_count": len(one.objects),
        "visible": not one.hide_render,
        "visible_in_viewport": not one.hide_viewport,
        "excluded": layer.exclude if layer is not None else None,
        "selectable": not one.hide_select,
        "color": COLORS[number],
    }
