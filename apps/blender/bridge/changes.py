# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call changed in the open file, found out cheaply.

In: `begin()` before a call and `end()` after it, on the main thread; Blender's own `depsgraph_update_post`,
load and undo handlers in between. Out: a `Found` with what was added, changed and removed. With a window, `between()`
tells what an artist did while no call ran; a rename is told there as one thing removed and another added.

Two sources: the names in every data collection (compared as lists; only where they differ the things themselves
tell a rename from a removal), and the updates that Blender's dependency graph announces. On a default scene both ends
together cost about 0.03 ms, with 5,000 objects about 1 ms.

Not seen by either: custom properties, fake users, settings that no evaluation depends on (render samples,
say). Our own commands `say` it where they set one. `may_write` tells whether a piece of code could have done such a
thing; in doubt an undo step is pushed. When Blender rebuilds its relations it announces far more objects than were
touched; updates that say only "shading" are left out then, so that a change of visibility alone may be told as a
change of its scene.
"""

import ast
import re
from operator import attrgetter

import bpy
from bpy.app.handlers import persistent

from .bridgekit.remembered import Remembered

# Things told of one kind (added, changed, removed); the rest is counted.
TOLD_MAX = 500
# Updates noted during one call; beyond that only the fact that something changed is kept.
NOTED_MAX = 2000
# The same of an artist's work between two looks; an animation that plays announces all of its objects per frame.
APART_MAX = 200
# Characters of code that are parsed to look for writes; longer code counts as writing.
PARSED_CHARS_MAX = 100_000
_looked_at = Remembered()  # code -> what `may_write` found

# Collections whose contents are the program's window and not the file's.
# `all_ids` (5.x) has everything once more.
_LEFT_OUT = ("screens", "window_managers", "workspaces", "brushes", "paint_curves", "all_ids")


class Found:
    """The changes of one call. `any`: something changed. `loaded`: another file is open now.
    `stepped`: the call itself went through the undo history."""

    __slots__ = ("added", "changed", "removed", "any", "loaded", "stepped")

    def __init__(self):
        self.added = []
        self.changed = []  # may have "was", the name before
        self.removed = []
        self.any = self.loaded = self.stepped = False

    def told(self):
        """The `changes` of an outcome."""
        return {"added": _bounded(self.added), "changed": _bounded(self.changed), "removed": _bounded(self.removed)}


class Watch:
    """Looks at the open file. States: idle, or armed between `begin` and `end`."""

    def __init__(self):
        self._kinds = None
        self._all_of = None  # gives every collection of bpy.data in one step
        self._labels = {}
        self._names = {}
        self._listed = None  # the names of all collections as one value, where `_names` holds just these
        self._things = {}
        self._noted = {}
        self._fired = self._loaded = self._stepped = self._armed = False
        self._stale = True  # the kept things may be gone
        self._fresh = False  # the names are those of the last `end`, and nothing was announced since
        self._frame = None
        self._told = []  # what a command said itself
        self._taken_back = False  # the running command took back what it did
        self.ours = False  # a call runs that nobody compares: what is announced is not an artist's doing
        self._apart = 0  # announcements between calls
        self._apart_noted = {}
        self.events = 0  # counts what Blender announced, whoever did it
        self._handlers = ()

    def install(self):
        """Adds the handlers to Blender's lists; `remove` takes them out."""

        @persistent
        def updated(scene, depsgraph=None):
            self.events += 1
            self._stale = True
            self._fresh = False
            if self._armed:
                self._fired = True
                self._note(depsgraph, self._noted, NOTED_MAX)
            elif not self.ours and not bpy.app.background:
                self._apart += 1
                self._note(depsgraph, self._apart_noted, APART_MAX)

        @persistent
        def stepped(*args):
            self.events += 1
            self._stepped = self._stale = True
            self._fresh = False
            if not self._armed and not self.ours:
                self._apart += 1

        handlers = bpy.app.handlers
        self._handlers = (
            (handlers.depsgraph_update_post, updated),
            (handlers.undo_post, stepped),
            (handlers.redo_post, stepped),
        )
        for where, handler in self._handlers:
            where.append(handler)

    def remove(self):
        for where, handler in self._handlers:
            if handler in where:
                where.remove(handler)
        self._handlers = ()

    def loaded(self):
        """Another file was opened: everything that was remembered is gone."""
        self.events += 1
        self._loaded = self._stale = True
        self._fresh = False
        self._names.clear()
        self._listed = None
        self._things.clear()
        self._noted.clear()
        self._apart = 0
        self._apart_noted.clear()

    def unsure(self):
        """A call runs that nobody watches: what the last one left may not stand any more."""
        self._fresh = False

    def say(self, label, name):
        """A command says itself what it changed, where Blender announces nothing: a custom property, a setting."""
        if self._armed and len(self._told) < TOLD_MAX:
            self._told.append({"type": label, "name": name})

    def took_back(self):
        """A command took back all that it did: what Blender announced of it stands no more."""
        self._taken_back = self._armed

    def between(self):
        """What an artist changed since the last call or the last look, or None. In background that is nobody."""
        if not self._apart or self._armed or self.ours:
            return None
        self._apart = 0
        found = Found()
        found.any = True
        self._listed = None
        for (attribute, label), names in zip(self._collections(), self._all_names()):
            before = self._names.get(attribute)
            if before is None or names == before:
                continue
            old, new = set(before), set(names)
            found.added += [{"type": label, "name": name} for name in names if name not in old]
            found.removed += [{"type": label, "name": name} for name in before if name not in new]
            self._names[attribute] = names
            self._things.pop(attribute, None)
        self._add_noted(found, {(one["type"], one["name"]) for one in found.added + found.removed}, self._apart_noted)
        self._apart_noted.clear()
        return found

    def begin(self):
        """Remembers what there is. What was pending from before is announced and not counted; what an artist did
        comes back as by `between`."""
        self._flush()
        apart = self.between()
        self._noted.clear()
        self._told.clear()
        self._fired = self._loaded = self._stepped = self._taken_back = False
        # In background nobody but our calls changes anything, so what the last one left still stands.
        if not (self._fresh and bpy.app.background):
            self._look()
        self._frame = _frame()
        self._armed = True
        return apart

    def end(self, expected=None):
        """The changes since `begin`. `expected`: (type, name) of what an undo was to bring back, if all of it is
        known; Blender announces more than that then, the scene always."""
        self._flush()
        self._armed = False
        found = Found()
        found.loaded, found.stepped = self._loaded, self._stepped
        if found.loaded:
            found.any = True
            found.changed = [{"type": "file", "name": bpy.data.filepath}]
            return found
        gone = set()
        doubt = self._fired or found.stepped
        listed = self._all_names()
        if doubt or listed != self._listed:
            for (attribute, label), names in zip(self._collections(), listed):
                if doubt or names != self._names.get(attribute):
                    self._compare(attribute, label, names, found, gone)
            self._listed = listed
        if self._taken_back and not (found.added or found.removed or found.changed):
            self._noted.clear()
            self._told.clear()
            self._fired = False
        if found.stepped and expected is not None:
            self._noted = {key: only for key, only in self._noted.items() if key in expected}
        self._add_noted(found, gone, self._noted)
        self._add_frame(found)
        found.changed += [one for one in self._told if one not in found.changed and one not in found.added]
        self._stale = found.stepped
        self._fresh = not found.stepped
        found.any = bool(found.added or found.changed or found.removed or self._fired or found.stepped)
        return found

    def _look(self):
        if self._stale:
            self._things.clear()
            self._stale = False
        listed = self._all_names()
        if listed == self._listed and len(self._things) == len(listed):
            return
        self._listed = listed
        for (attribute, _label), names in zip(self._collections(), listed):
            if names != self._names.get(attribute):
                self._names[attribute] = names
                self._things.pop(attribute, None)
            if attribute not in self._things:
                self._things[attribute] = _things(attribute)

    def _compare(self, attribute, label, names, found, gone):
        before, now = self._things.get(attribute), _things(attribute)
        if before is None or found.stepped:  # a thing may be another one behind an undo step: only names count
            before = {name: (None, name) for name in self._names.get(attribute, ())}
            after = {name: (None, name) for name in names}
        else:
            after = now
        for key, (_one, name) in after.items():
            if key not in before:
                found.added.append({"type": label, "name": name})
                gone.add((label, name))
            elif before[key][1] != name:
                found.changed.append({"type": label, "name": name, "was": before[key][1]})
                gone.add((label, name))
        for key, (_one, name) in before.items():
            if key not in after:
                found.removed.append({"type": label, "name": name})
                gone.add((label, name))
        self._names[attribute] = names
        self._things[attribute] = now

    def _add_noted(self, found, gone, noted):
        rebuilt = found.stepped or any(label == "scene" for label, _name in noted)
        for (label, name), shading_only in noted.items():
            if (label, name) in gone or (shading_only and (rebuilt or label == "mesh")):
                continue
            found.changed.append({"type": label, "name": name})

    def _add_frame(self, found):
        frame = _frame()
        if frame != self._frame and frame is not None:
            scene = {"type": "scene", "name": frame[0]}
            if scene not in found.changed:
                found.changed.append(scene)

    def _note(self, depsgraph, noted, noted_max):
        if depsgraph is None or len(noted) >= noted_max:
            return
        for update in depsgraph.updates:
            one = update.id
            label = self._label(type(one))
            if label is None:
                continue
            name = one.name
            if label == "collection" and name not in bpy.data.collections:
                continue  # a scene's own
            if label == "node_tree" and name not in bpy.data.node_groups:
                continue  # its material or world is announced too
            shading_only = update.is_updated_shading and not (update.is_updated_geometry or update.is_updated_transform)
            shading_only = shading_only and label in ("object", "mesh")
            key = (label, name)
            noted[key] = shading_only and noted.get(key, True)

    def _label(self, kind):
        if kind in self._labels:
            return self._labels[kind]
        rna = kind.bl_rna
        while rna is not None and rna.base is not None and rna.base.identifier != "ID":
            rna = rna.base
        known = {label for _attribute, label in self._collections()}
        label = _snake(rna.identifier) if rna is not None else None
        self._labels[kind] = label = label if label in known else None
        return label

    def _collections(self):
        if self._kinds is None:
            self._kinds = [
                (one.identifier, _snake(one.fixed_type.identifier))
                for one in bpy.data.bl_rna.properties
                if one.type == "COLLECTION" and one.identifier not in _LEFT_OUT
            ]
        return self._kinds

    def _all_names(self):
        """The names in each of the collections, in their order. In C as far as that goes: it is most of what a small
        call pays for knowing that it changed nothing."""
        kinds = self._collections()
        if self._all_of is None:
            self._all_of = attrgetter(*[attribute for attribute, _label in kinds])
        return list(map(bpy.types.bpy_prop_collection.keys, self._all_of(bpy.data)))

    def _flush(self):
        layer = bpy.context.view_layer
        if layer is not None:
            layer.update()


def may_write(code):
    """Whether code could change what `Watch` does not see: it assigns to an attribute or a key, deletes, calls
    an operator or sets by name. False only when it surely does none of that."""
    if not any(sign in code for sign in ("=", "del", "attr", "set", "ops", "exec", "eval", "import")):
        return False
    if len(code) > PARSED_CHARS_MAX:
        return True
    told = _looked_at.get(code)
    if told is None:
        told = "writes" if _any_writes(code) else "reads"
        _looked_at.put(code, told)
    return told == "writes"


def _any_writes(code):
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # it did not run
    return any(_writes(node) for node in ast.walk(tree))


def _writes(node):
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return isinstance(node.ctx, (ast.Store, ast.Del))
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return "set" in name or name in ("exec", "eval", "import_module", "run_path") or "bpy.ops" in _dotted(node.func)
    return False


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _things(attribute):
    """id of the Python object -> (that object, its name). Blender keeps one Python object per thing while somebody
    holds it, and never gives it to another one, while addresses of removed things come again."""
    return {id(one): (one, one.name) for one in getattr(bpy.data, attribute)}


def _frame():
    scene = bpy.context.scene
    return None if scene is None else (scene.name, scene.frame_current)


def _snake(identifier):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", identifier).lower()


def _bounded(things):
    if len(things) <= TOLD_MAX:
        return things
    more = len(things) - TOLD_MAX
    return things[:TOLD_MAX] + [{"type": "more", "name": "%d more" % more}]
