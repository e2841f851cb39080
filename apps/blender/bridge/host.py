# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender gives the executor: see bridgekit/host.py for when each method runs.

Around each call that may change the open file, in this order: a recovery copy if one is due, the first undo
step where Blender has none, a look at what there is, the fence around quitting operators; the call; the fence
down, what changed, an undo step under the call's name. `1+1` in a default scene pays about 0.05 ms for all of it.

Whether the file has unsaved changes: in a GUI Blender knows. In background its `is_dirty` means nothing (4.5 says
always true, 5.2 true since the first undo push, also after a save), so the host keeps its own mark there: set by
calls that changed something, cleared by saving and opening.
"""

import os
import time
from contextlib import contextmanager

import bmesh
import bpy
import mathutils
from bpy.app.handlers import persistent

from . import changes, convert, dangers, hints, kept, overriding, recovery, scripts, state, undo
from .bridgekit import kapelle_module
from .bridgekit.host import Host
from .bridgekit.problem import Problem
from .guards import Guards
from .history import History
from .revisions import ARTIST, Revisions

# Commands that write files but leave the open one as it is: nothing to compare, copy or undo.
LEAVE_ALONE = frozenset(
    (
        "render.still", "render.animation", "render.frames", "render.sheet", "render.film",
        "file.export", "file.save", "code.reset",
    )
)  # fmt: skip
# A file whose time is at most this old was written by the save that just ended; some file systems count in 2 s.
JUST_SAVED_S = 3.0
_current = []


def current():
    """The host of this process. Raises LookupError before the bridge has started."""
    return _current[-1]


class BlenderHost(Host):
    """`instance` is a function that gives this instance's name as the hub told it, or the one it asks for; `moved` is
    called when another file is open or the file has another path."""

    def __init__(self, instance, moved=lambda: None):
        self._moved = moved
        self.watch = changes.Watch()
        self.undo = undo.Undo()
        self.history = History(self.undo)
        self.namespaces = None  # those of code.run, once it is installed
        self.recovery = recovery.Recovery(instance)
        self.scripts = scripts.Switch()
        self.guards = Guards(self._report, self.scripts.opening)
        self._revisions = Revisions()
        self._told_revision = 0  # up to which the hub was told what changed
        self._unsaved = False
        self._events_seen = 0
        self.events_known = 0  # watch.events after the last call: later ones are somebody else's
        self._events_before = 0
        self._reloaded = False  # a file was opened, and Blender's own loop has not run since
        self._settled_at = None  # watch.events when the running call saved or opened a file
        self._call = None
        self._handlers = ()

    def install(self):
        """Adds Blender's handlers. `remove` takes them out."""

        @persistent
        def loaded(*args):
            self.watch.loaded()
            self.undo.loaded()
            self.history.loaded()
            self.scripts.loaded()
            self._reloaded = not bpy.app.background
            self.recovery.settled()
            self._unsaved = self.recovery.is_copy(bpy.data.filepath)
            if bpy.context.view_layer is not None:
                bpy.context.view_layer.update()  # its first evaluation is announced, and is no change
            self._settled_at = self.watch.events
            self._new_revision({"changed": [{"type": "file", "name": bpy.data.filepath}]})
            self._moved()

        @persistent
        def saved(*args):
            if not self.recovery.copying and _saved_in_place(args):
                self.recovery.settled()
                self._unsaved = False
                self._settled_at = self.watch.events
                self._new_revision(None)
                self._moved()

        @persistent
        def stepped(*args):
            self.history.moved()

        handlers = bpy.app.handlers
        self._handlers = (
            (handlers.load_post, loaded),
            (handlers.save_post, saved),
            (handlers.undo_post, stepped),
            (handlers.redo_post, stepped),
        )
        for where, handler in self._handlers:
            where.append(handler)
        self.watch.install()
        overriding.install()
        _current.append(self)

    def remove(self):
        """Leaves Blender as it was before `install`."""
        self.guards.disarm()
        overriding.remove()
        kapelle_module.remove()
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

    @property
    def revision(self):
        """Grows with every change, save and opening."""
        return self._revisions.number

    def since(self, revision):
        """What changed after that revision: see revisions.py."""
        self.look()
        return self._revisions.since(revision)

    def look(self):
        """Notes what an artist did while no call ran, as a revision. Returns whether there was anything."""
        found = self.watch.between()
        if found is not None:
            self._by_artist(found)
        self.history.settle()
        return found is not None

    def changed(self, label, name):
        """For commands: the running call changed this, and Blender announces nothing of the kind."""
        self.watch.say(label, name)

    @contextmanager
    def taking_back(self, back):
        """For commands: where the body fails, `back()` takes back all that the call did, and nothing counts as
        changed."""
        try:
            yield
        except BaseException:
            back()
            self.watch.took_back()
            raise

    def namespace(self):
        return {"bpy": bpy, "bmesh": bmesh, "mathutils": mathutils}

    def revision_now(self):
        self.look()
        return self.revision

    def before(self, call, effect):
        self.scripts.before(call)
        self.look()
        self.undo.close(unless=None if call.command.startswith("history.") else call)
        self._call = call
        self._events_before = self.watch.events
        if effect == "read" or call.command in LEAVE_ALONE:
            self.watch.ours = True
            if effect != "read":
                self.guards.arm(call)
            return None
        self._copy_if_due(call)
        self.undo.base()
        found = self.watch.begin()
        if found is not None:
            self._by_artist(found)
        self._settled_at = None
        self.history.expected = None
        self.guards.arm(call)
        return effect

    def after(self, call, token, ended_well):
        told = self._after(call, token, ended_well)
        self.undo.ended(call, ended_well)
        if told is not None and not ended_well and call.args.get("on_error") == "undo":
            return self._take_back(call, told)
        return told

    def _after(self, call, token, ended_well):
        # A shot at the call may have landed in a `finally` of ours: nothing of it stays behind.
        self.guards.disarm()
        self.scripts.after()
        overriding.forget()
        self.recovery.copying = False
        self._call = None
        self.watch.ours = False
        if token is None:
            self.events_known += self.watch.events - self._events_before
            return None
        found = self.watch.end(self.history.expected)
        self.events_known = self.watch.events
        changed = found.any or self._in_doubt(call, token, ended_well)
        if not changed:
            if token == "code" and call.args.get("undo") == "always":
                self._push(call, found, ended_well, None)
            return None
        told = found.told() if found.any else None
        self._new_revision(told, call.id)
        self._unsaved = self._unsaved or self._settled_at != self.watch.events
        self.recovery.changed()
        if not call.command.startswith("history."):
            why = self._push(call, found, ended_well, told)
            if why is not None and told is not None:
                told["cannot_undo"] = why
            if found.stepped or found.loaded:
                self._tell_invalid(call)
        return told

    def _take_back(self, call, told):
        """A call that failed and whose caller wants the file as it was. Gives what of its changes stands."""
        self.watch.ours = True
        try:
            done = self.history.revert(call.id)
        except Problem as problem:
            call.log("warning", "Its changes could not be undone: %s" % problem.message, "history")
            return told
        finally:
            self.watch.ours = False
            self.events_known = self.watch.events
        self._new_revision(told, call.id)
        self._tell_invalid(call)
        call.log("info", "It failed, and its changes were undone.", "history")
        stays = done.get("stays")
        return {"added": [], "changed": stays, "removed": []} if stays else None

    def _push(self, call, found, ended_well, told):
        """One undo step for the call, and its place in the history. Returns why there is no step, if there is none."""
        label = why = None
        if found.loaded:
            why = "It opened another file."
        elif found.stepped:
            why = "It used undo or redo itself."
        elif call.command == "code.run" and call.args.get("undo") == "never":
            why = "Its caller asked for no undo step."
        else:
            label = self.undo.push(call)
            self._watch_group()
        status = "succeeded" if ended_well else call.ending or "failed"
        self.history.note(call, status, label, told, why)
        return why

    def _watch_group(self):
        """An artist's undo needs the step of a group also when its last call never comes."""
        timers = bpy.app.timers
        if not bpy.app.background and self.undo.has_open_group and not timers.is_registered(self.undo.close_if_left):
            timers.register(self.undo.close_if_left, first_interval=undo.GROUP_IDLE_S)

    def _tell_invalid(self, call):
        names = kept.of_owner(self.namespaces, call.owner_id) if self.namespaces is not None else []
        if names:
            call.log("warning", "Kept variables that refer to things that are gone: %s." % ", ".join(names), "history")

    def convert(self, value, call):
        return convert.convert(value, call)

    def state(self):
        return state.summary(self.dirty, self.revision)

    def wants_tick(self):
        """After a file was opened a timer's context has no window, until Blender's loop has run: operators would fail.
        An override of the context would do as well, at the price of holding our threads (overriding.py)."""
        reloaded, self._reloaded = self._reloaded, False
        return reloaded

    def changes(self):
        if self._told_revision == self.revision:
            return None
        told = self._revisions.since(self._told_revision)
        self._told_revision = self.revision
        return told

    def explain(self, exc, call):
        return hints.explain(exc)

    def dangers(self):
        return dangers.DANGERS

    def dangers_in(self, tree, checked):
        dangers.add(tree, checked)

    def missing_in(self, checked):
        return dangers.missing(checked)

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

    def _by_artist(self, found):
        self._revisions.add(ARTIST, found.told())

    def _new_revision(self, told, by=None):
        """`by`: the call that did it; else the one that runs, else an artist."""
        by = by or (self._call.id if self._call is not None else ARTIST)
        self._revisions.add(by, told)

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
            return abs(time.time() - os.stat(opened).st_mtime) < JUST_SAVED_S
        except OSError:
            return False
    return os.path.normcase(os.path.abspath(written)) == os.path.normcase(os.path.abspath(opened))
