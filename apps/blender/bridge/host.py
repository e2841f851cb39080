# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender gives the executor: see bridgekit/host.py for when each method runs.

Around each call that may change the open file, in this order: a recovery copy if one is due, the first undo
step where Blender has none, a look at what there is, the fence around quitting operators; the call; the fence
down, what changed, an undo step under the call's name. `1+1` in a default scene pays about 0.05 ms for all of it.

Whether the file has unsaved changes: in a GUI Blender knows. In background its `is_dirty` means nothing (4.5 says
always true, 5.2 true since the first undo push, also after a save), so the host keeps its own mark there: set by
calls that changed something, cleared by saving and opening.
"""

import linecache
import os
import re
import time

import bmesh
import bpy
import mathutils
from bpy.app.handlers import persistent

from . import changes, convert, names, recovery, state, undo, versions
from .bridgekit.host import Host
from .guards import Guards

# Commands that write files but leave the open one as it is: nothing to compare, copy or undo.
LEAVE_ALONE = frozenset(("render.still", "file.export", "file.save", "code.reset"))
# A file whose time is at most this old was written by the save that just ended; some file systems count in 2 s.
JUST_SAVED_S = 3.0
# How Blender words a missing key, and how code names a collection.
_MISSING_KEY = re.compile(r'key "(.+?)" not found')
_DATA = re.compile(r"bpy\.data\.(\w+)\s*\[")
_current = []


def current():
    """The host of this process. Raises LookupError before the bridge has started."""
    return _current[-1]


class BlenderHost(Host):
    """`instance` is a function that gives this instance's name as the hub told it, or a wished one; `moved` is
    called when another file is open or the file has another path."""

    def __init__(self, instance, moved=lambda: None):
        self._moved = moved
        self.watch = changes.Watch()
        self.undo = undo.Undo()
        self.recovery = recovery.Recovery(instance)
        self.guards = Guards(self._report)
        self.revision = 0
        self._unsaved = False
        self._events_seen = 0
        self.events_known = 0  # watch.events after the last call: later ones are somebody else's
        self._settled_at = None  # watch.events when the running call saved or opened a file
        self._call = None
        self._handlers = ()

    def install(self):
        """Adds Blender's handlers. `remove` takes them out."""

        @persistent
        def loaded(*args):
            self.watch.loaded()
            self.undo.loaded()
            self.recovery.settled()
            self._unsaved = self.recovery.is_copy(bpy.data.filepath)
            if bpy.context.view_layer is not None:
                bpy.context.view_layer.update()  # its first evaluation is announced, and is no change
            self._settled_at = self.watch.events
            self.revision += 1
            self._moved()

        @persistent
        def saved(*args):
            if not self.recovery.copying and _saved_in_place(args):
                self.recovery.settled()
                self._unsaved = False
                self._settled_at = self.watch.events
                self.revision += 1
                self._moved()

        self._handlers = ((bpy.app.handlers.load_post, loaded), (bpy.app.handlers.save_post, saved))
        for where, handler in self._handlers:
            where.append(handler)
        self.watch.install()
        _current.append(self)

    def remove(self):
        """Leaves Blender as it was before `install`."""
        self.guards.disarm()
        self.watch.remove()
        for where, handler in self._handlers:
            if handler in where:
                where.remove(handler)
        self._handlers = ()
        if self in _current:
            _current.remove(self)

    @property
    def dirty(self):
        """Whether the open file has changes that were not saved."""
        return self._unsaved if bpy.app.background else bpy.data.is_dirty

    def namespace(self):
        return {"bpy": bpy, "bmesh": bmesh, "mathutils": mathutils}

    def before(self, call, effect):
        self._call = call
        if effect == "read":
            return None
        if call.command in LEAVE_ALONE:
            self.guards.arm(call)
            return None
        self._copy_if_due(call)
        self.undo.base()
        self.watch.begin()
        self._settled_at = None
        self.guards.arm(call)
        return effect

    def after(self, call, token, ended_well):
        # A shot at the call may have landed in a `finally` of ours: nothing of it stays behind.
        self.guards.disarm()
        self.recovery.copying = False
        self._call = None
        if token is None:
            return None
        found = self.watch.end()
        self.events_known = self.watch.events
        wanted = call.args.get("undo", "auto") if token == "code" else "auto"
        changed = found.any or self._in_doubt(call, token, ended_well)
        if changed:
            self.revision += 1
            self._unsaved = self._unsaved or self._settled_at != self.watch.events
            self.recovery.changed()
        if wanted != "never" and not found.loaded and not found.stepped and (changed or wanted == "always"):
            self.undo.push(call)
        return found.told() if found.any else None

    def convert(self, value, call):
        return convert.convert(value, call)

    def state(self):
        return state.summary(self.dirty, self.revision)

    def explain(self, exc, call):
        text = str(exc)
        if isinstance(exc, ReferenceError):
            return (
                "The variable holds something that was deleted, undone or belonged to a file that is closed. "
                "Fetch it again by its name, such as bpy.data.objects['…']."
            )
        hint = versions.api_hint(text)
        if hint is None and isinstance(exc, KeyError):
            return _near_keys(exc, text)
        if hint is None and isinstance(exc, AttributeError):
            hint = _near_attributes(exc)
        if hint is None and isinstance(exc, RuntimeError) and "poll() failed" in text:
            hint = _context_hint()
        return hint

    def leave(self):
        self.keep_copy()

    def keep_copy(self):
        """A recovery copy now if there is something to lose. Returns its path or None."""
        if not self.dirty:
            return None
        return self.recovery.latest() or self.recovery.now(True)

    def copy_to(self, path):
        """Writes the open file to `path` without touching anything of it."""
        self.recovery.copying = True
        try:
            recovery.save_copy(path)
        finally:
            self.recovery.copying = False

    def _copy_if_due(self, call):
        if self.watch.events != self._events_seen:  # an artist's changes count as well
            self._events_seen = self.watch.events
            self.recovery.changed()
        try:
            self.recovery.before_change(self.dirty)
        except (OSError, RuntimeError) as error:
            call.log("warning", "No recovery copy could be written: %s" % str(error).strip(), "recovery")

    def _in_doubt(self, call, effect, ended_well):
        if effect == "code":
            return changes.may_write(call.args.get("code") or "")
        return ended_well

    def _report(self, record):
        if self._call is not None:
            self._call.log(record["level"], record["text"], record["source"])


def _saved_in_place(args):
    """Whether the save that ended wrote the open file itself, and not a copy by somebody's code."""
    opened = bpy.data.filepath
    if not opened:
        return False
    written = args[0] if args and isinstance(args[0], str) else None
    if written is None:  # 3.x does not tell; then the file's own time does
        try:
            return time.time() - os.stat(opened).st_mtime < JUST_SAVED_S
        except OSError:
            return False
    return os.path.normcase(os.path.abspath(written)) == os.path.normcase(os.path.abspath(opened))


def _near_keys(exc, text):
    """Near names for `bpy.data.objects["Cuve"]`: from the collection that the line names, else from the usual ones."""
    found = _MISSING_KEY.search(text)
    if found is None:
        return None
    wanted = found.group(1)
    named = _DATA.search(_line_of(exc))
    collection = getattr(bpy.data, named.group(1), None) if named else None
    if isinstance(collection, bpy.types.bpy_prop_collection):
        return names.near(wanted, collection.keys())
    for attribute in ("objects", "materials", "meshes", "collections", "scenes", "lights", "cameras", "images"):
        hint = names.near(wanted, getattr(bpy.data, attribute).keys())
        if hint.startswith("Did you mean"):
            return "%s (in bpy.data.%s)" % (hint, attribute)
    return None


def _line_of(exc):
    """The source line that raised it."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ""


def _near_attributes(exc):
    owner, name = getattr(exc, "obj", None), getattr(exc, "name", None)
    if not name or not isinstance(owner, (bpy.types.bpy_struct, bpy.types.bpy_prop_collection)):
        return None
    hint = names.near(name, [one for one in dir(owner) if not one.startswith("_")])
    return hint if hint.startswith("Did you mean") else None


def _context_hint():
    context = bpy.context
    active = context.view_layer.objects.active if context.view_layer else None
    return (
        "The operator needs another context. Now: mode %s, active object %s, %d selected. Set the active object and "
        "the mode first, pass a context with bpy.context.temp_override(…), or use bpy.data instead of bpy.ops."
        % (context.mode, repr(active.name) if active else "none", len(context.selected_objects))
    )
