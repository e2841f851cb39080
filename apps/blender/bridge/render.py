# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders in child processes, so that the instance stays free and a cancel is a kill.

In: a job (settings, and a copy of the open file that the main thread has written). Out: the picture at its place,
or a Problem. Runs on worker threads and touches no bpy there. At most `CHILDREN_MAX` children run at once; further
renders wait for one of them to end.
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

import bpy

from . import paths, versions
from .bridgekit.problem import Problem

# Each child uses all cores; two keep them busy while one of them loads.
CHILDREN_MAX = 2
# Lines of a child's output kept for the message of a failure.
LINES_KEPT = 40
# Characters of one line that are looked at.
LINE_CHARS_MAX = 4096
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

_SAMPLES = re.compile(r"(?:Sample|Rendering)\s+(\d+)\s*/\s*(\d+)")
_MARK = "KAPELLE "


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
    """One render: its folder, its job, its child. Made on the main thread, run on a worker."""

    def __init__(self, settings, target, overwrite):
        _forget_old(_root())
        os.makedirs(_root(), mode=0o700, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="render-", dir=_root())
        self.target = target
        self.overwrite = overwrite
        suffix = os.path.splitext(target)[1].lower()
        self.job = dict(
            settings,
            file=os.path.join(self.folder, "scene.blend"),
            out=os.path.join(self.folder, "picture" + suffix),
            format=PICTURES[suffix],
        )
        self._command = _command(os.path.join(self.folder, "job.json"), settings["scripts"])
        self._child = None
        self._told = {}
        self._lines = deque(maxlen=LINES_KEPT)

    def run(self, call):
        """Renders and moves the picture to its place. Returns what the child told."""
        try:
            if not slots.take(call):
                raise Problem("cancelled", "The render was cancelled before it began.")
            try:
                self._render(call)
            finally:
                slots.give_back()
            self._move()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self._told["done"]

    def drop(self):
        """Removes the folder of work that will not run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _render(self, call):
        with open(self._command[-1], "w", encoding="utf-8") as out:
            json.dump(self.job, out)
        call.progress(0.0, "starting the renderer")
        # Blender's own temporary files go with the folder: a child is always killed in the end.
        environment = dict(os.environ, KAPELLE_CHILD="1", TMPDIR=self.folder, TEMP=self.folder, TMP=self.folder)
        environment.pop("KAPELLE_LAUNCH", None)
        try:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=os.name != "nt",
            )
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

    def _read(self, call):
        for raw in self._child.stdout:
            line = raw[:LINE_CHARS_MAX].decode("utf-8", "replace").strip()
            if line.startswith(_MARK):
                self._heard(call, line[len(_MARK) :])
            elif line:
                self._lines.append(line)
                self._progress(call, line)
            if "done" in self._told or "error" in self._told:
                return

    def _heard(self, call, text):
        try:
            told = json.loads(text)
        except ValueError:
            return
        if "stats" in told:
            self._progress(call, told["stats"])
        else:
            self._told.update(told)

    def _progress(self, call, text):
        found = _SAMPLES.search(text)
        if found is None:
            return
        done, total = int(found.group(1)), max(1, int(found.group(2)))
        call.progress(SAMPLES_PART * min(1.0, done / total), "sample %d of %d" % (done, total))

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
        said = said[len("Error: ") :] if said.startswith("Error: ") else said
        code = self._told.get("code", "call_failed")
        return Problem(code, "The render failed: %s" % said, details={"output": list(self._lines)})

    def _move(self):
        # Looked at again: the file may have come while the picture was rendered.
        if os.path.lexists(self.target) and not self.overwrite:
            raise paths.exists(self.target)
        os.makedirs(os.path.dirname(self.target), exist_ok=True)
        shutil.move(self.job["out"], self.target)


def picture_path(scene_name):
    """A new path for a picture nobody named: renders/<file>-<scene>-<UTC time>.png in Kapelle's home."""
    name = os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "untitled"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", "%s-%s" % (name, scene_name))
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    path = os.path.join(paths.home(), "renders", "%s-%s.png" % (plain, stamp))
    count = 1
    while os.path.lexists(path):
        count += 1
        path = os.path.join(paths.home(), "renders", "%s-%s-%d.png" % (plain, stamp, count))
    return path


def _command(job, scripts):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "render_child.py")
    if versions.is_module():
        return [sys.executable, script, job]
    command = [bpy.app.binary_path, "-b", "-noaudio", "--enable-autoexec" if scripts else "--disable-autoexec"]
    if getattr(bpy.app, "factory_startup", False):
        command.append("--factory-startup")
    return command + ["--python", script, "--", job]


def _root():
    return os.path.join(paths.home(), "run", "renders")


def _forget_old(root):
    try:
        old = [one.path for one in os.scandir(root) if time.time() - one.stat().st_mtime > FORGOTTEN_S]
    except OSError:
        return
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
