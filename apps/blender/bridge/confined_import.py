# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports by a child that the system keeps to the allowed folders.

In: a file of a format whose references nobody reads before its importer does. Out: a .blend with all of it packed,
made by a confined child that could read nothing but the allowed folders; who asked appends it. Which formats need that,
and what is looked for in the .blend, is decided in imports.py. Where there is no such child, confined.py says so.

A model may have taken the child over. So nothing that it says is believed but for texts of a bounded length: the
.blend has one name in the child's folder, is a plain file of our own under that name alone, and is copied to where no
child reaches.
"""

import json
import os
import stat
import subprocess
import sys
from contextlib import suppress

import bpy

from . import formats, import_job, paths, plain_names, render
from .bridgekit import configured
from .bridgekit.problem import Problem

# A .blend of an import, and characters of one thing that it left out.
PACKED_BYTES_MAX = 8 << 30
LEFT_OUT_CHARS_MAX = 200
_PIECE_BYTES = 1 << 20
# In the folder of a Python, or of an environment made from one.
_OF_PYTHON = ("bin", "lib", "lib64", "include", "share", "pyvenv.cfg")


def import_packed(call, path, format, options):
    """The path of a .blend with what a confined child read from `path`. Blocks; a cancel of the call ends the child.

    `options` go to the importer. The .blend lies in a private folder; who asked removes it. What could not be packed is
    left out and told in the call's log. Raises a Problem: not_supported where nothing can be confined, and what the
    child says.
    """
    launcher, why = configured.launcher()
    if launcher is None:
        raise Problem(
            "not_supported",
            "%s is only read where the system can confine its importer. Here it cannot: %s."
            % (os.path.basename(path), why),
            hint="Convert it to glTF, OBJ or .blend, or ask as a caller with the scope `code`.",
        )
    work = _work(launcher, path, format, options)
    packed = work.folder + ".blend"
    told = work.run_here(call, lambda told: _take(work.folder, packed) or told)
    for what in _left_out(told):
        call.log("warning", "Left out of the import: %s." % what, call.command)
    return packed


def _take(folder, packed):
    """Copies what the child made. Raises call_failed for anything but a plain file, and leaves nothing then."""
    # A link is not followed, and a pipe not waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        source = os.open(os.path.join(folder, import_job.MADE), flags)
    except OSError as error:
        raise _nothing_made(error.strerror) from None
    try:
        found = os.fstat(source)
        own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or not own:
            raise _nothing_made("it is not a plain file")
        if found.st_size > PACKED_BYTES_MAX:
            raise _nothing_made("it is larger than %d GiB" % (PACKED_BYTES_MAX >> 30))
        _copy(source, packed, found.st_size)
    except OSError as error:
        raise formats.failed("What was read could not be kept", error) from None
    finally:
        os.close(source)


def _copy(source, packed, size):
    """`size` bytes at most: the file may still grow."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(packed, flags, 0o600), "wb") as target:
        try:
            while size > 0:
                piece = os.read(source, min(size, _PIECE_BYTES))
                if not piece:
                    break
                target.write(piece)
                size -= len(piece)
        except BaseException:
            with suppress(OSError):
                os.remove(packed)
            raise


def _nothing_made(why):
    return Problem("call_failed", "The import failed: the confined Blender made no file that can be used: %s." % why)


def _left_out(told):
    """What the child says that it left out, as texts."""
    several = told.get("left_out") if isinstance(told, dict) else None
    several = several if isinstance(several, list) else []
    texts = [one for one in several[: import_job.TOLD_MAX + 1] if isinstance(one, str)]
    return [plain_names.plain(one[:LEFT_OUT_CHARS_MAX]) for one in texts]


def _work(launcher, path, format, options):
    class Work(render.Work):
        """The same kind of child, started by the launcher."""

        BEGINNING = "starting a confined importer"

        def _start(self, environment):
            plan = {
                "program": self._command[0],
                "args": self._command[1:],
                "env": {"KAPELLE_CHILD": "1", "KAPELLE_HOME": paths.home()},
                "folder": self.folder,
                "home": paths.home(),
                "run": _program_places(),
                "read": [os.path.dirname(path)] + [one for one in paths.roots() if os.path.isdir(one)],
            }
            child = subprocess.Popen(
                [launcher, "confined"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            # It stays open: the child leaves when this process does.
            child.stdin.write(json.dumps(plan).encode("ascii") + b"\n")
            child.stdin.flush()
            return child

        def _failure(self):
            said = render.Work._failure(self)
            text = said.message.replace("The render failed", "The import failed", 1)
            return Problem(said.code, text, details=said.details)

    work = Work("import", {"path": path, "format": format, "options": options})
    work.use_factory_startup()
    return work


def _program_places():
    """What a child of this Blender reads and runs."""
    bridge = os.path.dirname(os.path.abspath(__file__))
    # Two add-ons: the one that is installed is a package in a folder of the person's own, and only itself is opened.
    found = [bridge, os.path.dirname(os.path.abspath(bpy.__file__))]
    for prefix in (sys.prefix, sys.base_prefix):
        found += [os.path.join(prefix, name) for name in _OF_PYTHON]
    program = bpy.app.binary_path
    if program:
        real = os.path.realpath(program)
        found += [program, real, os.path.join(os.path.dirname(real), "lib")]
        found += [bpy.utils.resource_path(kind) for kind in ("LOCAL", "SYSTEM")]
    else:
        found += [sys.executable, os.path.dirname(os.path.realpath(sys.executable))]
    return [one for one in dict.fromkeys(found) if one]
