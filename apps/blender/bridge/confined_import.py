# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports by a child that the system keeps to the allowed folders.

In: a file of a format whose references nobody reads before its importer does. Out: a .blend with all of it packed,
made by a confined child that could read nothing but the allowed folders; who asked appends it. Which formats need that,
and what is looked for in the .blend, is decided in imports.py. Where there is no such child, confined.py says so.
"""

import json
import os
import subprocess
import sys

import bpy

from . import paths, render
from .bridgekit import configured
from .bridgekit.problem import Problem

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
    told = work.run_here(call, lambda told: os.replace(told["made"], packed) or told)
    for what in told["left_out"]:
        call.log("warning", "Left out of the import: %s." % what, call.command)
    return packed


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
