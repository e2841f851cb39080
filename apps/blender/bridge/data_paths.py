# SPDX-License-Identifier: GPL-3.0-or-later
"""Every path in Blender's data: which files the open file reads, and which it writes.

In: the open file, or some things of it. Out: a `Place` for each path that is followed. RNA tells which properties are
paths and where they are; what each is for stands in path_rules.py, what reaches nodes through links is found by
node_paths.py. Nothing is opened, evaluated or changed here, and nobody is refused: that is outside.py.

A walk costs some milliseconds for each thousand nodes, so it is for opening, importing, exporting and rendering, not
for small calls.
"""

import os

import bpy

from . import node_paths, path_rules
from .path_rules import HANDED, READS, Use

# Collections of bpy.data that belong to the windows.
_WINDOWS = ("window_managers", "screens", "workspaces")
# Ways that lead back, or to what another way leads to as well.
_NOT_FOLLOWED = frozenset(
    "rna_type links node from_node to_node from_socket to_socket parent depsgraph outputs".split()
)
# How many types there were when the plan was made; the plan: {name of a type: (has it uses, ways)}; the same by class.
_known = [0, {}, {}]


class Place:
    """One path. `thing`: what of the file has it; `part`: the struct in it; `use`: see path_rules.py."""

    __slots__ = ("thing", "part", "use")

    def __init__(self, thing, part, use):
        self.thing, self.part, self.use = thing, part, use

    @property
    def kind(self):
        return self.use.kind

    def files(self):
        """The absolute paths that Blender may make of it, on any system; none where it cannot be told."""
        if self.use.text is None:
            return []
        library = self.thing.parent if isinstance(self.thing, bpy.types.Library) else self.thing.library
        found = {}
        for text in (self.use.text, self.use.text.replace("\\", "/")):
            found[os.path.abspath(bpy.path.abspath(text, library=library))] = None
            if text[1:3] == ":/":  # a path of Windows elsewhere: C:/x is looked for as /c/x
                found["/" + text[0].lower() + text[2:]] = None
        return [*found]

    @property
    def steps_out(self):
        """Whether it leads elsewhere once the file has another place, as a copy for a render or for recovery has:
        Blender writes only paths that it reads itself anew for that place."""
        text = (self.use.text or "").replace("\\", "/")
        is_relative = text.startswith("//") or not os.path.isabs(text)
        return self.use.kind != READS and is_relative and ".." in text.split("/")

    def told(self):
        """How messages call it: "image 'wood.png'"."""
        kind = self.thing.bl_rna.identifier
        name = "%s %r" % (kind.lower(), self.thing.name)
        return name if self.part == self.thing else "%s (%s)" % (name, getattr(self.part, "name", "") or kind)


def everything():
    """A Place for each path of the open file."""
    plan = _plan()
    for things in _collections():
        for one in things:
            yield from _of(one, plan)
    yield from _through_links(bpy.data.node_groups)


def of(things):
    """The same for some things of it, and the groups of nodes they use."""
    plan, trees = _plan(), {}
    for one in things:
        yield from _of(one, plan)
        for modifier in getattr(one, "modifiers", None) or ():
            if getattr(modifier, "type", "") == "NODES" and modifier.node_group is not None:
                for tree in node_paths.inside(modifier.node_group):
                    trees[tree.name_full] = tree
        if isinstance(one, bpy.types.NodeTree):
            trees[one.name_full] = one
    for tree in trees.values():
        yield from _of(tree, plan)
    yield from _through_links(trees.values())


def pointers():
    """What is in the file now, so that what comes is known from it."""
    return {one.as_pointer() for things in _collections() for one in things}


def since(before):
    """What came after `pointers()` was taken."""
    return [one for things in _collections() for one in things if one.as_pointer() not in before]


def _collections():
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION" and prop.identifier not in _WINDOWS and prop.identifier != "all_ids":
            yield getattr(bpy.data, prop.identifier)


def _through_links(trees):
    for thing, text in node_paths.arriving(trees):
        yield Place(thing, thing, Use(HANDED, text, False))


def _of(thing, plan):
    seen, waiting = set(), [thing]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        has_uses, ways = plan.get(kind) or _unknown(kind, plan)
        if has_uses:
            for use in path_rules.uses(part):
                yield Place(thing, part, use)
        if not ways:
            continue
        key = (part.as_pointer(), kind)
        if key in seen:
            continue
        seen.add(key)
        for name, is_list in ways:
            inner = getattr(part, name, None)
            if inner is None:
                continue
            if is_list:
                waiting.extend(inner)
            elif not isinstance(inner, bpy.types.ID) or inner.is_embedded_data:
                waiting.append(inner)


def _plan():
    """{class: (whether it has paths, [(name, is it a list)] of the ways that lead to some)}."""
    names = dir(bpy.types)
    if _known[0] != len(names):
        types = [getattr(bpy.types, name, None) for name in names]
        _known[:] = len(names), _made([one.bl_rna for one in types if hasattr(one, "bl_rna")]), {}
    return _known[2]


def _unknown(kind, plan):
    """For a class that was not met yet. A type that is in none of Blender's lists is as its base."""
    rna, by_name = kind.bl_rna, _known[1]
    while rna is not None and rna.identifier not in by_name:
        rna = rna.base
    plan[kind] = by_name[rna.identifier] if rna is not None else (False, ())
    return plan[kind]


def _made(types):
    kinds, ways, ends = {}, {}, set()
    for rna in types:
        base = rna
        while base is not None:
            kinds.setdefault(base.identifier, set()).add(rna.identifier)
            base = base.base
        if path_rules.has_uses(rna):
            ends.add(rna.identifier)
        ways[rna.identifier] = [*_ways(rna)]
    leading, before = set(ends), -1
    while len(leading) != before:  # further from the paths with each round
        before = len(leading)
        for name, several in ways.items():
            if name not in leading and any(not leading.isdisjoint(kinds.get(to, ())) for _n, _l, to in several):
                leading.add(name)
    made = {}
    for name, several in ways.items():
        kept = [(way, is_list) for way, is_list, to in several if not leading.isdisjoint(kinds.get(to, ()))]
        made[name] = (name in ends, kept)
    return made


def _ways(rna):
    """(name, is it a list, type) of what belongs to a thing of this type; embedded trees of nodes among it."""
    for prop in rna.properties:
        if prop.identifier in _NOT_FOLLOWED or prop.type not in ("POINTER", "COLLECTION"):
            continue
        kind = prop.fixed_type
        is_whole = _is_id(kind)
        if is_whole and (prop.type == "COLLECTION" or kind.identifier not in ("NodeTree", "ShaderNodeTree")):
            continue
        yield prop.identifier, prop.type == "COLLECTION", kind.identifier


def _is_id(rna):
    while rna is not None:
        if rna.identifier == "ID":
            return True
        rna = rna.base
    return False
