# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames rendered by this very Blender, one after the other, each into a file of its own: what a worker of a farm
does. The main thread is taken for as long as it lasts.

In: a scene, settings as render_jobs.apply takes them, frames, a folder. Out: files at their places, each whole or not
there: it is written under a temporary name and renamed. What was set in the scene is put back, except for the current
frame and where `dedicated` says that this Blender does nothing else.
"""

import os
import shutil
import time
from contextlib import contextmanager

import bpy

from . import frames, outside, paths, render_jobs, versions
from .bridgekit.problem import Problem
from .render import SAMPLES, SAMPLES_PART

# Below this a disk counts as full: a failed write of a picture is then no fault of the picture's.
ROOM_MIN_BYTES = 16 * 1024 * 1024
# Of a file that is being written: hidden, and told from others by what is before and behind.
PART_PREFIX, PART_SUFFIX = ".", ".part"
# What `set_up` may change, by the part of the scene that has it; in an order in which it can be put back.
_RENDER = (
    "engine", "resolution_x", "resolution_y", "resolution_percentage", "film_transparent", "use_file_extension",
    "filepath", "use_persistent_data", "threads_mode", "threads",
)  # fmt: skip
_IMAGE = ("media_type", "file_format", "color_mode", "color_depth")


class Form:
    """How pictures are written: our name of a format, or None for the scene's own where it is a picture's, else PNG."""

    def __init__(self, scene, name):
        own = scene.render.image_settings.file_format
        self.is_own = name is None and own in _OWN
        self.name = _OWN.get(own, "png") if name is None else name
        self.suffix, self._identifier, _film = frames.FORMATS[self.name]

    def set_up(self, scene):
        if not self.is_own:
            render_jobs.picture_format(scene, self._identifier)


_OWN = {
    "PNG": "png",
    "JPEG": "jpg",
    "OPEN_EXR": "exr",
    "OPEN_EXR_MULTILAYER": "exr",
    "TIFF": "tif",
    "WEBP": "webp",
}


@contextmanager
def set_up(scene, settings, form, threads=None, keep=False):
    """The scene as the settings want it; as it was afterwards, unless it is kept."""
    before = _look(scene)
    before += [(node, "mute", node.mute) for node in outside.nodes_of(settings.get("left_out", ()))]
    try:
        render_jobs.apply(scene, settings)
        form.set_up(scene)
        scene.render.use_persistent_data = True
        if threads is not None:
            scene.render.threads_mode = "FIXED"
            scene.render.threads = threads
        yield
    finally:
        if not keep:
            for owner, name, value in before:
                _put_back(owner, name, value)


def plan(scene, settings, form):
    """What a render would be, without rendering."""
    with set_up(scene, settings, form):
        render = scene.render
        return dict(
            render_jobs.facts(scene),
            start=scene.frame_start,
            end=scene.frame_end,
            step=scene.frame_step,
            fps=round(render.fps / render.fps_base, 6),
            format=form.name,
            suffix=form.suffix,
            graphics_card=versions.uses_graphics_card(scene),
        )


def render(call, scene, settings, form, wanted, folder, overwrite=False, threads=None, dedicated=False):
    """Renders the frames. Raises Problem with `frame` and `made` in its details at the first that fails."""
    work = _Work(call, scene, form, wanted, folder)
    listening = bpy.app.handlers.render_stats
    with set_up(scene, settings, form, threads, keep=dedicated):
        listening.append(work.heard)
        try:
            for frame in wanted:
                work.one(frame, overwrite)
            facts = render_jobs.facts(scene)
        finally:
            listening.remove(work.heard)
    return dict(facts, path=folder, frames=work.told(), skipped=work.skipped, format=form.name)


class _Work:
    """The frames of one call on their way."""

    def __init__(self, call, scene, form, wanted, folder):
        self._call, self._scene, self._form = call, scene, form
        self._count, self._folder = len(wanted), folder
        self._frame = None
        self.made, self.skipped = [], []

    def one(self, frame, overwrite):
        target = os.path.join(self._folder, frames.file_name(frame, self._form.suffix))
        self._frame = frame
        if os.path.lexists(target) and not overwrite:
            self.skipped.append(frame)
            return
        self._say(0.0, "frame %d" % frame)
        part = part_of(target)
        began = time.monotonic()
        try:
            self._render(frame, part)
            os.replace(part, target)
        except (RuntimeError, OSError) as error:
            raise self._failure(frame, error) from None
        finally:
            if os.path.lexists(part):
                os.remove(part)
        self.made.append([frame, round(time.monotonic() - began, 3)])
        self._say(0.0, "frame %d already exists" % frame)

    def told(self):
        return [{"frame": frame, "seconds": seconds} for frame, seconds in self.made]

    def heard(self, *args):
        """Blender's own statistics, where it hands them over as text."""
        found = SAMPLES.search(args[0]) if args and isinstance(args[0], str) else None
        if found is None:
            return
        done, total = int(found.group(1)), max(1, int(found.group(2)))
        part = SAMPLES_PART * min(1.0, done / total)
        self._say(part, "frame %d, sample %d of %d" % (self._frame, done, total), sample=done, samples=total)

    def _render(self, frame, part):
        scene = self._scene
        scene.frame_set(frame)
        scene.render.filepath = versions.literal(part)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not os.path.isfile(part) or not os.path.getsize(part):
            raise RuntimeError("Blender rendered it but wrote no file.")

    def _say(self, part, text, **more):
        done = len(self.made) + len(self.skipped)
        details = dict(more, frame=self._frame, made=list(self.made))
        self._call.progress(min(1.0, (done + part) / self._count), text, details)

    def _failure(self, frame, error):
        details = {"frame": frame, "made": list(self.made)}
        if shutil.disk_usage(self._folder).free < ROOM_MIN_BYTES:
            message = "Frame %d could not be written: the disk of %s is full." % (frame, self._folder)
            return Problem(
                "disk_full", message, hint="Free some space, then try again.", retryable=True, details=details
            )
        said = str(error).strip()
        said = said[len("Error: ") :] if said.startswith("Error: ") else said
        return Problem("call_failed", "Frame %d could not be rendered: %s" % (frame, said), details=details)


def part_of(target):
    """The name under which a file is written until it is whole."""
    plain = os.path.basename(target).replace("#", "_")  # of a film, Blender would put the frames there
    name = "%s%s.%d%s" % (PART_PREFIX, plain, os.getpid(), PART_SUFFIX)
    return os.path.join(os.path.dirname(target), name)


def whole(call, path, overwrite, write):
    """`write(part)` makes a file that comes to its place when it is whole. Returns the path."""
    target = paths.to_write(call, path, overwrite)
    part = part_of(target)
    try:
        write(part)
        if not os.path.isfile(part):
            raise Problem("call_failed", "Blender wrote no file %s." % target)
        os.replace(part, target)
    finally:
        if os.path.lexists(part):
            os.remove(part)
    return target


def _look(scene):
    """[(owner, name, value)] of all that `set_up` may change."""
    render = scene.render
    found = [(render, name) for name in _RENDER] + [(render.image_settings, name) for name in _IMAGE]
    found += [(scene, "camera")]
    if hasattr(scene, "cycles"):
        found += [(scene.cycles, name) for name in ("samples", "time_limit", "use_denoising")]
    found += [(scene.eevee, "taa_render_samples")]
    return [(owner, name, getattr(owner, name)) for owner, name in found if hasattr(owner, name)]


def _put_back(owner, name, value):
    if getattr(owner, name) == value:
        return
    try:
        setattr(owner, name, value)
    except (TypeError, AttributeError):
        pass  # a choice that depends on another one, such as a depth of a format that was never left
