# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders in child processes, so that the instance stays free and a cancel is a kill.

In: a job (a kind, settings, and a copy of the open file that the main thread has written). Out: what the child told
and the files in its folder, or a Problem. Runs on worker threads and touches no bpy there. At most `CHILDREN_MAX`
children run at once; further renders wait for one of them to end. What a child does is in render_jobs.py.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress

import bpy

from . import confined, host, paths, versions
from .bridgekit import configured, still
from .bridgekit.problem import Problem

# Each child uses all cores; two keep them busy while one of them loads.
CHILDREN_MAX = 2
# Lines of a child's output kept for the message of a failure.
LINES_KEPT = 40
# Characters of one line that are looked at, and of one in which a child tells something.
LINE_CHARS_MAX = 4096
TOLD_CHARS_MAX = 1_000_000
# Notes of a child that are passed on; what a problem of it says at most.
NOTES_MAX = 100
PROBLEM_CHARS_MAX = 2000
# Codes of problems that a child may give; any other is a call that failed.
CODES = ("arguments_invalid", "call_failed", "disk_full", "forbidden", "not_found", "not_supported", "path_refused")
# Folders in a child's folder that are removed one by one.
FLATTENED_MAX = 100_000
# Forgotten work folders (of a process that was killed) are removed after this long.
FORGOTTEN_S = 24 * 3600.0
# The part of the progress that belongs to the samples; the rest is loading and saving.
SAMPLES_PART = 0.9

# Suffix of the picture -> Blender's name of the format.
PICTURES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".exr": "OPEN_EXR",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}

SAMPLES = re.compile(r"(?:Sample|Rendering)\s+([0-9]{1,9})\s*/\s*([0-9]{1,9})(?![0-9])")
_MARK = b"KAPELLE "


class Slots:
    """How many children may run. Waiting ends with a free place or with the call."""

    def __init__(self, count):
        self._free = count
        self._turn = threading.Condition()

    def take(self, call):
        """True with a place, False when the call was ended while it waited."""
        call.on_cancel(self._wake)
        with self._turn:
            if self._free == 0:
                call.progress(None, "waiting for another render to end")
            self._turn.wait_for(lambda: self._free > 0 or call.cancelled)
            if call.cancelled:
                return False
            self._free -= 1
            return True

    def give_back(self):
        with self._turn:
            self._free += 1
            self._turn.notify()

    def _wake(self):
        with self._turn:
            self._turn.notify_all()


slots = Slots(CHILDREN_MAX)


class Work:
    """One job: its folder and its child. Made on the main thread, run on a worker.

    `kind` is one of render_jobs.KINDS. `heard(told)` gets what the child tells on the way, besides its statistics.
    """

    BEGINNING = "starting the renderer"

    def __init__(self, kind, settings, heard=None):
        self.folder = tempfile.mkdtemp(prefix="render-", dir=work_root())
        self.job = dict(settings, kind=kind, file=os.path.join(self.folder, "scene.blend"), folder=self.folder)
        self._command = _command(os.path.join(self.folder, "job.json"), settings.get("scripts", False))
        self._heard_also = heard
        self._done_part = (0.0, 1.0)  # of the whole: what is done, and what is on its way
        self._child = None
        self._told = {}
        self._notes = 0
        self._lines = deque(maxlen=LINES_KEPT)

    def run(self, call, finish):
        """Waits for a place, runs the child, then `finish(told)` while its folder is still there. Returns what that
        returns."""
        try:
            if not slots.take(call):
                raise Problem("cancelled", "The render was cancelled before it started.")
            try:
                self._render(call)
            finally:
                slots.give_back()
            return finish(self._told["done"])
        finally:
            self.drop()

    def run_now(self, call):
        """Runs a short child beside whatever else runs. Returns what it told."""
        return self.run_here(call, lambda told: told)

    def run_here(self, call, finish):
        """The same, with `finish(told)` while its folder is still there. Returns what that returns."""
        try:
            self._render(call)
            return finish(self._told["done"])
        finally:
            self.drop()

    def use_factory_startup(self):
        """The child takes none of the person's settings and add-ons."""
        if "--factory-startup" not in self._command and not versions.is_module():
            self._command.insert(2, "--factory-startup")

    def drop(self):
        """Removes the folder: of work that has run, or will not."""
        _remove(self.folder)

    def part(self, done, size):
        """For a job of several pictures: the part of the whole that is done, and how much the next one is of it."""
        self._done_part = (done, size)

    def _render(self, call):
        with open(self._command[-1], "w", encoding="utf-8") as out:
            json.dump(self.job, out)
        call.progress(0.0, self.BEGINNING)
        # Blender's own temporary files go with the folder: a child is always killed in the end.
        environment = dict(os.environ, KAPELLE_CHILD="1", TMPDIR=self.folder, TEMP=self.folder, TMP=self.folder)
        environment.pop("KAPELLE_LAUNCH", None)
        environment.update(configured.for_child(), **paths.for_child())
        try:
            self._child = self._start(environment)
        except OSError as error:
            raise Problem("call_failed", "The renderer could not be started: %s" % error) from None
        call.on_cancel(self._kill)
        try:
            self._read(call)
        finally:
            self._kill()
            self._child.wait()
            self._child.stdin.close()
            self._child.stdout.close()
        if call.cancelled:
            raise Problem("cancelled", "The render was stopped.")
        if "done" not in self._told:
            raise self._failure()

    def _start(self, environment):
        """The child's process; its stdin stays open until it is to leave."""
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=os.name != "nt",
        )

    def _read(self, call):
        for raw in still.lines(self._child.stdout):
            raw = raw.strip()
            if raw.startswith(_MARK):
                self._heard(call, _read_told(raw[len(_MARK) :]))
            elif raw:
                line = raw[:LINE_CHARS_MAX].decode("utf-8", "replace")
                self._lines.append(line)
                self._progress(call, line)
            if "done" in self._told or "error" in self._told:
                return

    def _heard(self, call, told):
        """What it tells is a child's word: it has opened a file that anybody may have made."""
        if "stats" in told:
            self._progress(call, str(told["stats"])[:LINE_CHARS_MAX])
        elif "note" in told:
            self._notes += 1
            if self._notes <= NOTES_MAX:
                note = str(told["note"])[:LINE_CHARS_MAX]
                call.log("warning", note, call.command)
                call.progress(None, note)
        elif "done" in told or "error" in told:
            self._told.update(told)
        elif self._heard_also is not None:
            self._heard_also(told)

    def _progress(self, call, text):
        found = SAMPLES.search(text)
        if found is None:
            return
        done, total = int(found.group(1)), max(1, int(found.group(2)))
        before, size = self._done_part
        call.progress(before + size * SAMPLES_PART * min(1.0, done / total), "sample %d of %d" % (done, total))

    def _kill(self):
        child = self._child
        if child is None or child.poll() is not None:
            return
        try:
            if os.name == "nt":
                child.kill()
            else:
                os.killpg(child.pid, signal.SIGKILL)
        except OSError:
            pass

    def _failure(self):
        said = self._told.get("error") or "the renderer ended with code %s" % self._child.returncode
        said = str(said)[:PROBLEM_CHARS_MAX]
        said = said[len("Error: ") :] if said.startswith("Error: ") else said
        code = self._told.get("code")
        code = code if code in CODES else "call_failed"
        return Problem(code, "The render failed: %s" % said, details={"output": list(self._lines)})


def _read_told(raw):
    """The object that a child tells; {} where it is none."""
    try:
        told = json.loads(raw[:TOLD_CHARS_MAX].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def with_copy(work):
    """Writes the copy of the open file that the work renders."""
    try:
        host.current().copy_to(work.job["file"])
    except BaseException:
        work.drop()
        raise
    return work


def move(made, target, overwrite):
    """Moves a finished file to its place. Raises file_exists."""
    # Looked at again: the file may have come while the picture was rendered.
    if os.path.lexists(target) and not overwrite:
        raise paths.exists(target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.move(made, target)


def media_type(path):
    """Of a picture, by its suffix."""
    suffix = os.path.splitext(path)[1].lower()
    kinds = {".png": "png", ".webp": "webp", ".bmp": "bmp", ".tif": "tiff", ".tiff": "tiff", ".exr": "x-exr"}
    return "image/" + kinds.get(suffix, "jpeg")


def new_path(scene_name, suffix=".png"):
    """A new path for what nobody named: renders/<file>-<scene>-<UTC time><suffix> in Kapelle's home."""
    name = os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "untitled"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", "%s-%s" % (name, scene_name))
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    path = os.path.join(paths.home(), "renders", "%s-%s%s" % (plain, stamp, suffix))
    count = 1
    while os.path.lexists(path):
        count += 1
        path = os.path.join(paths.home(), "renders", "%s-%s-%d%s" % (plain, stamp, count, suffix))
    return path


def _command(job, scripts):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "render_child.py")
    if versions.is_module():
        return [sys.executable, script, job]
    command = [bpy.app.binary_path, "-b", "-noaudio", "--enable-autoexec" if scripts else "--disable-autoexec"]
    if getattr(bpy.app, "factory_startup", False):
        command.append("--factory-startup")
    return command + ["--python", script, "--", job]


def work_root():
    """The folder of work folders. Those that a killed process left are removed."""
    # A confined process has a folder of its own, and no access to what others put beside it.
    base = confined.folder() or os.path.join(paths.home(), "run")
    root = os.path.join(base, "renders")
    _forget_old(root)
    os.makedirs(root, mode=0o700, exist_ok=True)
    return root


def _forget_old(root):
    try:
        old = [one.path for one in os.scandir(root) if time.time() - one.stat().st_mtime > FORGOTTEN_S]
    except OSError:
        return
    for path in old:
        _remove(path)


def _remove(folder):
    """Removes what a child left, however deep: it may have made folders in folders until no call of ours can follow."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.isdir(folder) and shutil.rmtree.avoids_symlink_attacks:
        with suppress(OSError):
            _flatten(folder)
        with suppress(RecursionError):
            shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder):
    """Moves what lies in its folders up into it, as often as there are any."""
    count, new = 0, os.urandom(8).hex() + "-%d"
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        below = _folders_in(top)
        while below and count < FLATTENED_MAX:
            name = below.pop()
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                for one in _folders_in(inner):
                    count += 1
                    below.append(new % count)
                    os.rename(one, below[-1], src_dir_fd=inner, dst_dir_fd=top)
            finally:
                os.close(inner)
    finally:
        os.close(top)


def _folders_in(descriptor):
    with os.scandir(descriptor) as found:
        return [one.name for one in found if one.is_dir(follow_symlinks=False)]
