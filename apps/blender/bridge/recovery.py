# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery copies: the open file as it was, kept for the case that this process dies.

In: `before_change` ahead of every call that may change something; `now` at a leave or before another file is
opened. Out: KAPELLE_HOME/recovery/<instance>/<UTC time>.blend with a .json beside it
{file, taken, instance, pid, dirty}. The names sort in the order in which copies were made, also when the clock was set
back meanwhile; `taken` is what the clock said. A copy is made before the first change after a save, a start or an open,
and then at most once a minute when something changed since the last copy. The file's own path, its dirty mark
and the list of recent files stay as they are. It never deletes what another instance wrote.
"""

import calendar
import json
import os
import re
import time

import bpy

from . import paths, versions
from .guards import quietly

# At most one copy in this time: what a crash may cost.
INTERVAL_S = 60.0
# A slow save stretches the interval to this many times its own duration, so that it costs at most 5 %.
STRETCH = 20
# Copies kept per instance; about ten minutes of changes.
COPIES_MAX = 10
# How a copy is named: when it was made, followed by milliseconds.
_NAMED = "%Y%m%dT%H%M%S"


class Recovery:
    """`instance` is a function that gives this instance's name."""

    def __init__(self, instance):
        self._instance = instance
        self._fresh = True  # no copy since the last save, start or open
        self._changed = False  # something changed since the last copy
        self._next_at = 0.0
        self._last = None
        self.copying = False  # true while a copy is written: handlers of saving look at it

    def settled(self):
        """The file was saved or another one opened."""
        self._fresh = True
        self._changed = False
        self._last = None

    def changed(self):
        """A call changed something."""
        self._changed = True

    def latest(self):
        """The path of the last copy if nothing changed since, else None."""
        return None if self._changed else self._last

    def before_change(self, dirty):
        """Makes a copy if one is due. Returns its path, or None."""
        if self._fresh or (self._changed and time.monotonic() >= self._next_at):
            return self.now(dirty)
        return None

    def now(self, dirty):
        """Makes a copy. Returns its path. Raises OSError or RuntimeError when it cannot be written."""
        folder = self.folder()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        began = time.monotonic()
        taken_ms = int(time.time() * 1000)
        name = _stamp(max(taken_ms, _newest_ms(folder) + 1), _NAMED)
        path = os.path.join(folder, name + ".blend")
        # A disk that is full must not be tried again with every call.
        self._fresh = self._changed = False
        self._last = None
        self._next_at = began + INTERVAL_S
        self._write(path)
        told = {
            "file": bpy.data.filepath or None,
            "taken": _stamp(taken_ms, "%Y-%m-%dT%H:%M:%S"),
            "instance": self._instance(),
            "pid": os.getpid(),
            "dirty": bool(dirty),
            "version": versions.text(),
        }
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as out:
            json.dump(told, out)
        ended = time.monotonic()
        self._next_at = ended + max(INTERVAL_S, STRETCH * (ended - began))
        self._last = path
        _prune(folder)
        return path

    def is_copy(self, path):
        """Whether a file is a recovery copy of any instance: work that was never saved."""
        root = os.path.realpath(os.path.join(paths.home(), "recovery"))
        return bool(path) and os.path.realpath(path).startswith(root + os.sep)

    def folder(self):
        """Where this instance's copies lie."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self._instance() or "") or "unnamed-%d" % os.getpid()
        return os.path.join(paths.home(), "recovery", name)

    def _write(self, path):
        self.copying = True
        try:
            save_copy(path)
        finally:
            self.copying = False


def _stamp(epoch_ms, form):
    """UTC with milliseconds."""
    return "%s.%03dZ" % (time.strftime(form, time.gmtime(epoch_ms // 1000)), epoch_ms % 1000)


def _newest_ms(folder):
    """What the name of the newest copy says; 0 when there is none."""
    for name in reversed(_copies(folder)):
        try:
            return calendar.timegm(time.strptime(name[:15], _NAMED)) * 1000 + int(name[16:19])
        except ValueError:
            continue  # a file that somebody put there
    return 0


def _copies(folder):
    """The names of the copies, the oldest first."""
    return sorted(name for name in os.listdir(folder) if name.endswith(".blend"))


def save_copy(path, compress=False):
    """Writes the open file to another place and leaves the open one as it is."""
    view = bpy.context.preferences.filepaths
    preview, was_dirty = view.file_preview_type, bpy.context.preferences.is_dirty
    if not bpy.app.background:
        view.file_preview_type = "NONE"  # a preview would draw the viewport first
    try:
        quietly(bpy.ops.wm.save_as_mainfile, filepath=path, copy=True, check_existing=False, compress=compress)
    finally:
        if not bpy.app.background:
            view.file_preview_type = preview
            bpy.context.preferences.is_dirty = was_dirty


def _prune(folder):
    opened = os.path.realpath(bpy.data.filepath) if bpy.data.filepath else None
    for name in _copies(folder)[:-COPIES_MAX]:
        if os.path.realpath(os.path.join(folder, name)) == opened:
            continue
        for suffix in (".blend", ".json"):
            try:
                os.remove(os.path.join(folder, name[: -len(".blend")] + suffix))
            except OSError:
                pass
