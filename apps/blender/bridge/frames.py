# SPDX-License-Identifier: GPL-3.0-or-later
"""An animation on its way to disk: which frames, where they go, which are there already, which are finished.

In: the arguments of render.animation; what the renderer tells of each frame. Out: files at their places, one by one,
so that a cancel keeps what is finished; progress over all frames. A film is one file and comes whole or not at all.
"""

import os

from . import paths, render, versions
from .bridgekit.problem import Problem

# Frames of one call; a day at 24 frames a second would be two million.
FRAMES_MAX = 100_000
# Frames that an answer names one by one.
TOLD_MAX = 1000
# Our name of a format -> (suffix, Blender's name of the picture's format, container of a film).
FORMATS = {
    "png": (".png", "PNG", None),
    "jpg": (".jpg", "JPEG", None),
    "exr": (".exr", "OPEN_EXR", None),
    "tif": (".tif", "TIFF", None),
    "webp": (".webp", "WEBP", None),
    "mp4": (".mp4", None, "MPEG4"),
    "mkv": (".mkv", None, "MKV"),
    "mov": (".mov", None, "QUICKTIME"),
}
EXISTING = ("refuse", "skip", "overwrite")


def file_name(frame, suffix):
    """frame_0001.png; negative ones with their sign."""
    return "frame_%s%s" % ("%04d" % frame if frame >= 0 else "%05d" % frame, suffix)


class Plan:
    """What one call renders. `wanted`: the frames that are to be rendered."""

    def __init__(self, call, scene, path, start, end, step, format, existing):
        self.suffix, self._picture, self.film = FORMATS[format]
        if self.film and not versions.has_films():
            raise Problem(
                "not_supported",
                "This Blender was built without FFMPEG, so it cannot write films.",
                hint="Use pictures instead: format=png.",
            )
        first = scene.frame_start if start is None else start
        last = scene.frame_end if end is None else end
        self.step = scene.frame_step if step is None else step
        if last < first:
            raise Problem(
                "arguments_invalid",
                "The animation ends (%d) before it starts (%d)." % (last, first),
                hint="Pass `start` and `end`, or set them with scene.set.",
            )
        self.frames = list(range(first, last + 1, self.step))
        if len(self.frames) > FRAMES_MAX:
            raise Problem(
                "arguments_invalid",
                "These are %d frames." % len(self.frames),
                hint="One call can have at most %d: pass a shorter range or a larger `step`." % FRAMES_MAX,
            )
        self.existing = existing
        self.skipped, self.finished = [], []
        self.left_out = []  # outputs of the scene that are not written; see outside.py
        self._made = None
        self._seconds = 0.0
        self.target = self._place(call, scene, path)
        self.wanted = self.frames if self.film else self._left()

    def settings(self):
        """What the job gets besides the usual."""
        return {
            "frames": self.wanted,
            "step": self.step,
            "suffix": self.suffix,
            "format": self._picture,
            "film": self.film,
        }

    def file_of(self, frame):
        """Where a frame goes: frame_0001.png in the target folder; negative ones with their sign."""
        return os.path.join(self.target, file_name(frame, self.suffix))

    def begin(self, work):
        """The first frame is on its way."""
        work.part(0.0, 1.0 / len(self.wanted))

    def run(self, call, work):
        """On a worker: runs the child; says which frames are finished when it ends early."""
        try:
            return work.run(call, self.told)
        except BaseException:
            self.say_finished(call)
            raise

    def heard(self, call, told, work=None):
        """A frame is whole: it goes to its place."""
        if "frame" not in told:
            return
        if told["made"] is not None:
            render.move(told["made"], self.file_of(told["frame"]), self.existing == "overwrite")
        self.count(call, told["frame"])
        if work is not None:
            done, size = len(self.finished), 1.0 / len(self.wanted)
            work.part(done * size, size)

    def count(self, call, frame):
        """A frame is at its place."""
        self.finished.append(frame)
        done = len(self.finished)
        call.progress(done / len(self.wanted), "frame %d, %d of %d" % (frame, done, len(self.wanted)))

    def told(self, told):
        """The value of the call."""
        told = dict(told)
        if self.film:
            render.move(told.pop("made"), self.target, self.existing == "overwrite")
            told["bytes"] = os.path.getsize(self.target)
        told.update(
            path=self.target,
            frame_count=len(self.finished),
            frames=self.finished[:TOLD_MAX],
            skipped=self.skipped[:TOLD_MAX],
            left_out=self.left_out,
            first_file=None if self.film or not self.finished else self.file_of(self.finished[0]),
        )
        return told

    def say_finished(self, call):
        """For a call that ends early: its outcome has no value, so a log record tells what is there."""
        if self.film:
            call.log("info", "No film was written: a film is written completely or not at all.", call.command)
        elif self.finished:
            text = "%d of %d frames are finished and are kept in %s: %s. To continue, pass existing=skip."
            names = ", ".join(map(str, self.finished[:50])) + (" …" if len(self.finished) > 50 else "")
            call.log("info", text % (len(self.finished), len(self.wanted), self.target, names), call.command)
        else:
            call.log("info", "No frame was finished.", call.command)

    def _place(self, call, scene, path):
        if path is None:
            return render.new_path(scene.name, self.suffix if self.film else "")
        if self.film:
            if os.path.splitext(str(path))[1].lower() != self.suffix:
                raise Problem(
                    "arguments_invalid",
                    "The film's name %r does not end in %s." % (os.path.basename(str(path)), self.suffix),
                    hint="Name a file that ends in %s, or pass another `format`." % self.suffix,
                )
            return paths.to_write(call, path, self.existing == "overwrite")
        return paths.to_write_in(call, path)

    def _left(self):
        """The frames that are not there yet. Raises file_exists."""
        there = [one for one in self.frames if os.path.lexists(self.file_of(one))]
        if there and self.existing == "refuse":
            raise Problem(
                "file_exists",
                "%d of these frames already exist, such as %s." % (len(there), self.file_of(there[0])),
                hint="Pass existing=skip to render the others, existing=overwrite to replace them, or another path.",
            )
        if self.existing != "skip":
            return self.frames
        self.skipped = there
        kept = set(there)
        return [one for one in self.frames if one not in kept]
