# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a model into the open file, and lets nothing of it stay that leads out of the caller's folders.

In: a caller, a `Format` and the path of a file that the caller may read. Out: the new objects, or a Problem, and then
nothing of the file is left. For callers without `code`: what a model names is read before Blender opens it; what came
is looked at before anything evaluates it; formats whose references cannot be read beforehand go through a confined
child, whose packed .blend is appended.
"""

import os

import bpy

from . import confined, confined_import, data_paths, formats, names, outside, paths, placing, plain_names, references
from .bridgekit.problem import Problem


def read(call, kind, path, wanted, scale, still):
    """The objects that came. `wanted`: their names in a .blend, or None for all. `still` switches off the Python in
    what came, before anything can evaluate it."""
    by_child = None
    if kind.name not in references.KNOWN and not paths.may_go_anywhere(call) and not confined.is_confined():
        by_child = _in_child(call, kind, path, scale)
    as_looked_at = outside.refuse_references(call, kind.name, path)
    before = data_paths.pointers()
    try:
        if kind.name == "blend" or by_child is not None:
            _append(by_child or path, wanted, still)
        else:
            _read(kind, path, scale)
        outside.refuse_changed(as_looked_at)
        if by_child is not None:
            _forget(by_child)
        came = data_paths.since(before)
        if by_child is not None:
            outside.take_away(call, came)
        outside.refuse(call, data_paths.of(came), "Importing %s" % path)
        plain_names.make_plain(came)
    except BaseException:
        bpy.data.batch_remove(data_paths.since(before))
        raise
    finally:
        if by_child is not None and os.path.lexists(by_child):
            os.remove(by_child)
    added = [one for one in came if isinstance(one, bpy.types.Object)]
    if not added:  # some readers report nothing when a file is broken
        raise Problem(
            "call_failed",
            "%s contained no objects: it is empty, or not a valid %s file." % (path, kind.title),
            hint="See the logs of this call, or pass `format` if the suffix is wrong.",
        )
    if scale != 1.0 and kind.name in ("blend", "glb", "gltf"):  # the other readers scale by themselves
        for one in added:
            if one.parent is None:
                one.scale = [number * scale for number in one.scale]
                one.location = [number * scale for number in one.location]
    return added


def _in_child(call, kind, path, scale):
    reason = confined.why_not()
    if reason is not None:
        raise paths.refused(
            path,
            "%s may refer to other files, so callers without `code` can only read it in a confined Blender: %s"
            % (kind.title, reason),
        )
    return confined_import.import_packed(call, path, kind.name, _options(kind, scale))


def _forget(path):
    """Some Blenders keep the file that was appended as a library; this one goes."""
    for one in [*bpy.data.libraries]:
        if os.path.realpath(bpy.path.abspath(one.filepath)) == os.path.realpath(path):
            bpy.data.libraries.remove(one)


def _options(kind, scale):
    # The readers name the same thing differently; what one does not know is left out for it.
    options = {"as_background_job": False}
    if kind.name not in ("glb", "gltf"):
        options.update(global_scale=scale, scale=scale)
    return options


def _read(kind, path, scale):
    try:
        kind.read(path, **_options(kind, scale))
    except RuntimeError as error:
        raise formats.failed("%s could not be read" % path, error) from None


def _append(path, wanted, still):
    try:
        with bpy.data.libraries.load(path, link=False) as (there, here):
            stored = [*there.objects]
            for one in wanted or ():
                if one not in stored:
                    raise names.unknown("object in the file", one, stored)
            here.objects = [*wanted] if wanted else stored
    except OSError as error:
        raise formats.failed("%s could not be read" % path, error) from None
    still()
    home = placing.collection_for()
    for one in here.objects:
        if one is not None:
            home.objects.link(one)
