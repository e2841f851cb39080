# SPDX-License-Identifier: GPL-3.0-or-later
"""file.*: opening, saving, reading and writing files. Which paths a caller may use is decided in paths.py."""

import errno
import os
from contextlib import contextmanager

import bpy

from .. import describe, host, names, paths, placing
from .. import formats as known
from .. import missing as needs
from ..bridgekit.problem import Problem
from . import table


@table.command("file.formats", effect="read")
def formats(call):
    return {"formats": [one.told() for one in known.everything()]}


@table.command("file.missing", effect="read")
def missing(call):
    found, looked = needs.missing()
    return {"missing": found, "looked_for": looked, "unbaked": needs.unbaked()}


@table.command("file.open", effect="destructive")
def open_(call, path, scripts=False):
    if scripts and not paths.may_go_anywhere(call):
        raise Problem(
            "forbidden",
            "Scripts inside a file run only for callers with the scope `code`.",
            hint="Leave out `scripts`; the file opens without running them.",
        )
    found = paths.to_read(call, path)
    kept = _keep_copy(call)
    try:
        bpy.ops.wm.open_mainfile(filepath=found, load_ui=False, use_scripts=bool(scripts))
    except RuntimeError as error:
        raise _failed("%s could not be opened" % found, error) from None
    return {"file": bpy.data.filepath, "recovery": kept, "scene": describe.scene(bpy.context.scene)}


@table.command("file.new", effect="destructive")
def new(call, empty=False):
    kept = _keep_copy(call)
    with host.current().guards.lifted():
        bpy.ops.wm.read_homefile(use_empty=bool(empty), use_factory_startup=True, load_ui=False)
    host.current().scripts.started_anew()
    return {"file": None, "recovery": kept, "scene": describe.scene(bpy.context.scene)}


@table.command("file.save", effect="write")
def save(call, path=None, overwrite=False, copy=False, compress=False):
    if path is None:
        if not bpy.data.filepath:
            raise Problem(
                "arguments_invalid",
                "The open file was never saved and has no path.",
                hint="Pass `path`, such as scene.blend.",
            )
        if host.current().recovery.is_copy(bpy.data.filepath):
            raise Problem(
                "arguments_invalid",
                "The open file is a recovery copy; saving it in its place would lose it among the others.",
                hint="Pass `path`: where the work should go.",
            )
        if copy:
            raise Problem("arguments_invalid", "A copy needs a path.", hint="Pass `path`.")
        target = bpy.data.filepath
    else:
        target = _to_save(call, _with_suffix(path, (".blend",)), overwrite)
    if copy:
        host.current().copy_to(target)
    else:
        try:
            bpy.ops.wm.save_as_mainfile(filepath=target, check_existing=False, compress=bool(compress))
        except RuntimeError as error:
            raise _failed("%s could not be saved" % target, error) from None
    return {"path": target, "bytes": os.path.getsize(target), "file": bpy.data.filepath or None}


@table.command("file.import", effect="write")
def import_(call, path, format=None, objects=None, scale=1.0):
    found = paths.to_read(call, path)
    kind = known.of_path(found, format)
    if not kind.can_read:
        raise known.cannot(kind, "import")
    placing.leave_edit_mode()
    before = {one.as_pointer() for one in bpy.data.objects}
    with host.current().scripts.foreign(call) as still:
        if kind.name == "blend":
            _append(found, objects, still)
        else:
            _read(kind, found, scale)
    added = [one for one in bpy.data.objects if one.as_pointer() not in before]
    if not added:  # some readers report nothing when a file is broken
        raise Problem(
            "call_failed",
            "No object came out of %s: it is empty or no valid %s file." % (found, kind.title),
            hint="See the logs of this call, or pass `format` if the suffix is wrong.",
        )
    if scale != 1.0 and kind.name in ("blend", "glb", "gltf"):  # the other readers scale by themselves
        for one in added:
            if one.parent is None:
                one.scale = [number * scale for number in one.scale]
                one.location = [number * scale for number in one.location]
    bpy.context.view_layer.update()
    return {"path": found, "format": kind.name, "objects": [describe.brief(one) for one in added]}


@table.command("file.export", effect="write")
def export(call, path, format=None, objects=None, apply_modifiers=True, overwrite=False):
    kind = known.of_path(path, format)
    if not kind.can_write:
        raise known.cannot(kind, "export")
    chosen = None if objects is None else [names.object_named(one) for one in objects]
    if chosen is not None and not chosen:
        raise Problem("arguments_invalid", "`objects` is empty.", hint="Leave it out to export the whole scene.")
    target = paths.to_write(call, _with_suffix(path, kind.suffixes), overwrite)
    for suffix in known.BESIDE.get(kind.name, ()):
        beside = os.path.splitext(target)[0] + suffix
        if os.path.lexists(beside) and not overwrite:
            raise paths.exists(beside)
    placing.leave_edit_mode()
    try:
        _write(kind, target, chosen, apply_modifiers)
    except RuntimeError as error:
        raise _failed("%s could not be written" % target, error) from None
    if not os.path.isfile(target):
        raise Problem("call_failed", "Blender wrote no file %s." % target, hint="See the logs of this call.")
    return {"path": target, "format": kind.name, "bytes": os.path.getsize(target)}


def _write(kind, target, chosen, modifiers):
    if kind.name == "blend":
        if chosen is None:
            host.current().copy_to(target)
        else:
            bpy.data.libraries.write(target, set(chosen))
        return
    with _only(chosen):
        kind.write(target, selected=chosen is not None, modifiers=modifiers)


@contextmanager
def _only(chosen):
    """Selects just these objects while a file is written; None leaves the selection alone."""
    layer = bpy.context.view_layer
    if chosen is None:
        yield
        return
    outside = [one.name for one in chosen if one.name not in layer.objects]
    if outside:
        raise Problem("not_found", "Not in the active scene: %s." % ", ".join(outside[: names.LISTED_MAX]))
    before, active = [*layer.objects.selected], layer.objects.active
    for one in before:
        one.select_set(False)
    for one in chosen:
        one.select_set(True)
    layer.objects.active = chosen[0]
    try:
        yield
    finally:
        for one in chosen:
            one.select_set(False)
        for one in before:
            one.select_set(True)
        layer.objects.active = active


def _read(kind, path, scale):
    # The readers name the same thing differently; what one does not know is left out for it.
    options = {"as_background_job": False}
    if kind.name not in ("glb", "gltf"):
        options.update(global_scale=scale, scale=scale)
    try:
        kind.read(path, **options)
    except RuntimeError as error:
        raise _failed("%s could not be read" % path, error) from None


def _append(path, wanted, still):
    """`still` switches off the Python in what came, before anything can evaluate it."""
    try:
        with bpy.data.libraries.load(path, link=False) as (there, here):
            stored = [*there.objects]
            for one in wanted or ():
                if one not in stored:
                    raise names.unknown("object in the file", one, stored)
            here.objects = [*wanted] if wanted else stored
    except OSError as error:
        raise _failed("%s could not be read" % path, error) from None
    still()
    home = placing.collection_for()
    for one in here.objects:
        if one is not None:
            home.objects.link(one)


def _to_save(call, path, overwrite):
    """Like paths.to_write, but the open file itself may be written again: that is what saving is."""
    target = paths.to_write(call, path, overwrite=True)
    same = bpy.data.filepath and os.path.realpath(bpy.data.filepath) == target
    if os.path.lexists(target) and not (overwrite or same):
        raise paths.exists(target)
    return target


def _with_suffix(path, suffixes):
    """The path with one of these suffixes, so that nothing else can be overwritten under a wrong name."""
    return path if os.path.splitext(str(path))[1].lower() in suffixes else str(path) + suffixes[0]


def _keep_copy(call):
    """A recovery copy of what is about to be closed, if it has unsaved changes. Its path or None."""
    try:
        return host.current().keep_copy()
    except (OSError, RuntimeError) as error:
        raise _failed("The unsaved changes could not be kept, so nothing was closed", error) from None


def _failed(what, error):
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Problem("disk_full", "%s: the disk is full." % what, retryable=True)
    said = str(error).strip()
    said = said[len("Error: ") :] if said.startswith("Error: ") else said
    return Problem("call_failed", "%s: %s" % (what, said.splitlines()[-1] if said else type(error).__name__))
