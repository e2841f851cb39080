# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders by Blender's own render job, in a Blender with a window: the artist sees it and goes on working.

In: a scene, the settings of a job (see render_jobs.py). Out: a Deferred; its worker only waits. The job renders a copy
of the scene that lives as long as the render, so that the scene keeps its settings; Blender has no way to stop a job
from Python but one: deleting the scene that it renders. The render window shows that copy's render while there is one;
where Blender renders safely only what a window shows (versions.renders_only_what_is_shown), from the first moment on.
States: begun -> rendering -> stopped or complete -> ended; a timer on the main thread moves it. Blender tells no
samples here: a picture's progress is its time, an animation's its frames.

What the job writes when it is stopped is half a picture: it stays in the work folder, which goes.
"""

import os
import shutil
import tempfile
import threading
import time

import bpy
from bpy.app.handlers import persistent

from . import render, render_jobs, render_windows, versions
from .bridgekit.call import Deferred
from .bridgekit.problem import Problem

# Between two looks of the timer, in seconds: a cancel waits for the next one.
LOOK_S = 0.1
# Between two words of progress without a number, in seconds.
TOLD_S = 1.0
# Name of the scene that is rendered, and the property that tells it from a scene of that name: one that a saved file
# or an undo step brought back is removed.
SCENE = "Kapelle render"
_MARK = "kapelle_render"
IN_A_PROCESS = (
    "Rendered in a separate process: Blender %s may crash when it renders a scene that none of its windows shows, and "
    "its preferences (Interface, Temporary Editors, Render In) do not let it open a window for a render."
)
_running = []


def wanted(call, background, settings):
    """Whether a render runs in the window: there is one, nobody asked for a process of its own, nothing that the open
    file has is left out, and this Blender does it safely. Says so in the call where that is the reason."""
    if bpy.app.background or background or settings["left_out"]:
        return False
    if not versions.renders_only_what_is_shown() or render_windows.opens_one():
        return True
    call.log("info", IN_A_PROCESS % versions.text(), call.command)
    return False


def still(call, scene, settings, finish):
    """One picture. `finish(call, told)` makes the value on the worker, of what a child would have told."""
    job = _Job(call, scene, settings)
    job.out = os.path.join(job.folder, "picture" + settings["suffix"])
    job.begin(lambda copy: render_jobs.picture_format(copy, settings["format"]), job.out, write_still=True)

    def run(call):
        try:
            told = job.wait(call)
            return finish(call, dict(told, made=job.out, preview=job.preview))
        finally:
            job.drop()

    return Deferred(run)


def animation(call, scene, settings, plan):
    """Frames or a film. Each frame goes to its place when its file is whole."""
    job = _Job(call, scene, settings)
    job.plan = plan
    film = settings["film"]
    out = os.path.join(job.folder, "film" + settings["suffix"] if film else "frame_####" + settings["suffix"])

    def prepare(copy):
        copy.frame_start, copy.frame_end, copy.frame_step = plan.frames[0], plan.frames[-1], plan.step
        if film:
            versions.film_format(copy, film)
        else:
            render_jobs.picture_format(copy, settings["format"])
            copy.render.use_overwrite = False  # Blender passes over frames that it finds
            copy.render.use_placeholder = False
            copy.render.filepath = versions.literal(out)
            for frame in plan.skipped:
                open(copy.render.frame_path(frame=frame), "wb").close()

    job.begin(prepare, out, animation=True)

    def run(call):
        try:
            told = job.wait(call)
            return plan.told(dict(told, made=out, fps=job.fps) if film else told)
        except BaseException:
            plan.say_finished(call)
            raise
        finally:
            job.drop()

    return Deferred(run)


class _Job:
    """One render. `wait` and `drop` on a worker, everything else on the main thread and Blender's render thread."""

    def __init__(self, call, scene, settings):
        if _running or bpy.app.is_job_running("RENDER"):
            raise Problem(
                "call_failed",
                "Blender is already rendering, and renders one picture at a time in its window.",
                hint="Wait until it has finished, or pass background=true to use a separate process.",
                retryable=True,
            )
        self.folder = tempfile.mkdtemp(prefix="render-", dir=render.work_root())
        self.plan = self.out = self.preview = None
        self.fps = None
        self._call = call
        self._scene = scene
        self._shown = render_windows.main_window().scene.name
        self._settings = settings
        self._ended = threading.Event()
        self._stopping = self._complete = self._cancelled = False
        self._told = {}
        self._failure = None
        self._began = self._word_at = time.monotonic()
        self._handlers = ()
        self._windows = set()

    def begin(self, prepare, out, **options):
        """Makes the copy and starts Blender's job. Raises what Blender raises, with everything put back."""
        _watch_leftovers()
        frame = self._settings["frame"]
        copy = self._scene.copy()
        copy.name = SCENE
        copy[_MARK] = True
        self._name = copy.name
        try:
            render_jobs.apply(copy, dict(self._settings, frame=None))
            if frame is not None:
                copy.frame_current = frame
            prepare(copy)
            copy.render.filepath = versions.literal(out)
            self._told = dict(render_jobs.facts(copy), scene=self._scene.name)
            self.fps = round(copy.render.fps / copy.render.fps_base, 6)
            if frame is not None or not options.get("animation"):
                self._told["frame"] = copy.frame_current
            render_jobs.slow_note(copy, lambda note: self._call.log("warning", note, self._call.command))
            self._listen()
            _running.append(self)
            with bpy.context.temp_override(window=render_windows.window_for(copy)):
                state = bpy.ops.render.render("INVOKE_DEFAULT", scene=copy.name, **options)
            if "RUNNING_MODAL" not in state:
                raise Problem("call_failed", "Blender did not start rendering (%s)." % ", ".join(state))
            self._windows = render_windows.pointers(render_windows.shown_in())
        except BaseException:
            self._tidy()
            self.drop()
            raise
        with render_windows.ours():
            bpy.app.timers.register(self._look, first_interval=LOOK_S, persistent=True)

    def wait(self, call):
        """On the worker, until the job has ended. What is told of the render, or the Problem."""
        self._ended.wait()
        if self._failure is not None:
            raise self._failure
        return dict(self._told, seconds=round(time.monotonic() - self._began, 3))

    def drop(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listen(self):
        """Blender calls those of a render on its render thread, for every scene that is rendered."""

        def written(scene, *args):
            if scene.name != self._name or self.plan is None or self._stopping:
                return
            frame = scene.frame_current
            try:
                if self.plan.film is None:
                    self.plan.heard(self._call, {"frame": frame, "made": scene.render.frame_path(frame=frame)})
                else:
                    self.plan.count(self._call, frame)
            except (Problem, OSError) as error:
                self._failure = self._failure or _as_problem(error)

        def complete(scene, *args):
            self._complete = self._complete or scene.name == self._name

        def cancelled(scene, *args):
            self._cancelled = self._cancelled or scene.name == self._name

        def stepped(*args):
            # An artist's undo has ended every job by now, a picture's as if it were complete.
            self._cancelled = True

        handlers = bpy.app.handlers
        self._handlers = (
            (handlers.render_write, persistent(written)),
            (handlers.render_complete, persistent(complete)),
            (handlers.render_cancel, persistent(cancelled)),
            (handlers.undo_pre, persistent(stepped)),
            (handlers.redo_pre, persistent(stepped)),
        )
        for where, handler in self._handlers:
            where.append(handler)

    def _look(self):
        """The timer. Returns when to come again, or None at the end."""
        try:
            return self._step()
        except Exception as error:  # Blender drops a timer that raises, and the worker would wait for ever
            self._failure = self._failure or _as_problem(error)
            self._end()
            return None

    def _step(self):
        if (self._call.cancelled or self._failure is not None) and not self._stopping:
            self._stopping = True
            try:
                _delete(self._name)
            except (RuntimeError, ReferenceError) as error:
                self._failure = self._failure or _as_problem(error)
        if bpy.app.is_job_running("RENDER"):
            now = time.monotonic()
            if now - self._word_at >= TOLD_S:
                self._word_at = now
                render_windows.show(bpy.data.scenes.get(self._name))
                if self.plan is None:
                    self._call.progress(None, "rendering, %d s" % (now - self._began))
            return LOOK_S
        self._end()
        return None

    def _end(self):
        try:
            if self._failure is None:
                self._failure = self._why_not()
            copy = bpy.data.scenes.get(self._name)
            if self._failure is None and self.out is not None and copy is not None:
                self.preview = render_jobs.preview(copy, self.out, os.path.join(self.folder, "preview.png"))
        except Exception as error:
            self._failure = _as_problem(error)
        finally:
            self._tidy()
            self._ended.set()

    def _why_not(self):
        """The Problem of a job that has not done what it should, or None."""
        if self._stopping:
            return Problem("cancelled", "The render was stopped.")
        if self._cancelled or self._was_closed() or not self._complete:
            return Problem(
                "cancelled",
                "The render was stopped in Blender's window.",
                hint="Somebody pressed Esc, closed its window or undid a step. Try again, or pass background=true.",
            )
        if self.out is not None and not os.path.isfile(self.out):
            return Problem("call_failed", "Blender rendered but wrote no file.", hint="See Blender's info editor.")
        return None

    def _was_closed(self):
        """Whether the window of this render is gone. Blender ends the job of one that is closed, and writes what there
        is as if that were all."""
        windows = render_windows.pointers(bpy.context.window_manager.windows)
        return bool(self._windows) and self._windows.isdisjoint(windows)

    def _tidy(self):
        for where, handler in self._handlers:
            if handler in where:
                where.remove(handler)
        self._handlers = ()
        if self in _running:
            _running.remove(self)
        render_windows.show(bpy.data.scenes.get(self._shown))
        with render_windows.ours():
            _forget_scenes()


def _delete(name):
    """Deletes a scene, and with it its render job. Only the current scene can be deleted this way, so that it is made
    the current one of a window for this moment."""
    copy = bpy.data.scenes.get(name)
    if copy is None:
        return
    window = render_windows.main_window()
    before = window.scene
    with render_windows.ours():
        try:
            window.scene = copy
            with bpy.context.temp_override(window=window):
                if bpy.context.scene == copy:
                    bpy.ops.scene.delete()
        finally:
            window.scene = before


def _forget_scenes(*args):
    """Removes the copies that nothing renders any more."""
    if _running or bpy.app.is_job_running("RENDER"):
        return
    for one in [one for one in bpy.data.scenes if one.get(_MARK)]:
        if len(bpy.data.scenes) > 1:
            bpy.data.scenes.remove(one)


def _watch_leftovers():
    """An undo step or a file that was saved meanwhile may bring a copy back."""
    for where in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post, bpy.app.handlers.load_post):
        if _forgetting not in where:
            where.append(_forgetting)


@persistent
def _forgetting(*args):
    _forget_scenes()


def _as_problem(error):
    return error if isinstance(error, Problem) else Problem("call_failed", "The render failed: %s" % error)
