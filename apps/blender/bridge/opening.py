# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into a .blend before it is opened for a caller without `code`, and once more when it is there.

In: a caller and the path of a .blend. Out: nothing, or a Problem `path_refused`, and then the open file still is open.
The first look is a child's: a file can be looked through only when it is loaded, and loading one closes the other.
The second one is for a file that was changed in between; it comes before anything of the file is evaluated.
"""

from contextlib import contextmanager

import bpy
from bpy.app.handlers import persistent

from . import confined, data_paths, host, outside, paths
from .bridgekit.problem import Problem
from .render import Work


def look_before(call, path):
    """Raises path_refused for a file with paths that lead out. A confined process opens it without harm."""
    if paths.may_go_anywhere(call) or confined.is_confined():
        return
    try:
        told = Work("look", {"scripts": False, "path": path}).run_now(call)
    except Problem as problem:
        if problem.code == "call_failed":
            problem.message = "%s could not be opened: %s" % (path, problem.message.partition(": ")[2])
        raise
    if told["rows"]:
        outside.refuse_rows(call, told["rows"], "Opening %s" % path)


@contextmanager
def looked_at(call, path):
    """While a file is opened: looks at it before it is evaluated, and empties it where it leads out."""
    if paths.may_go_anywhere(call):
        yield
        return
    refused = []

    @persistent
    def loaded(*args):
        try:
            outside.refuse(call, data_paths.everything(), "Opening %s" % path)
        except Exception as error:  # Blender would print it and go on
            refused.append(error)
            bpy.data.batch_remove([*bpy.data.objects, *bpy.data.libraries])

    handlers = bpy.app.handlers.load_post
    handlers.insert(0, loaded)
    try:
        yield
    finally:
        if loaded in handlers:
            handlers.remove(loaded)
    if refused:
        with host.current().guards.lifted():
            bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True, load_ui=False)
        raise refused[0]
