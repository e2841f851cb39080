# SPDX-License-Identifier: GPL-3.0-or-later
"""file.*: opening, saving, reading and writing files. Which paths a caller may use is decided in paths.py, what may be
in a file that it opens or reads in outside.py."""

import os
from contextlib import contextmanager

import bpy

from .. import data_paths, describe, host, imports, names, opening, outside, paths, placing, plain_names
from .. import formats as known
from .. import missing as needs
from ..bridgekit.problem import Problem
from ..command_table import table


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
            "Only a caller with the scope `code` may run scripts inside a file.",
            hint="Leave out `scripts`; the file opens without running them.",
        )
    found = paths.to_read(call, path)
    opening.look_before(call, found)
    kept = _keep_copy(call)
    try:
        with opening.looked_at(call, found):
            bpy.ops.wm.open_mainfile(filepath=found, load_ui=False, use_scripts=bool(scripts))
    except RuntimeError as error:
        raise known.failed("%s could not be opened" % found, error) from None
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
                "The open file has never been saved, so it has no path.",
                hint="Pass `path`, such as scene.blend.",
            )
        if host.current().recovery.is_copy(bpy.data.filepath):
            raise Problem(
                "arguments_invalid",
                "The open file is a recovery copy. Saving it in place would leave your work among the recovery copies.",
                hint="Pass `path` to say where to save the work.",
            )
        if copy:
            raise Problem("arguments_invalid", "A copy needs a path.", hint="Pass `path`.")
        target = bpy.data.filepath
    else:
        target = _to_save(call, _with_suffix(path, (".blend",)), overwrite)
    if bpy.data.use_autopack:  # the save would read what it packs
        outside.refuse(call, data_paths.everything(), "Saving with everything packed")
    if copy:
        host.current().copy_to(target)
    else:
        try:
            bpy.ops.wm.save_as_mainfile(filepath=target, check_existing=False, compress=bool(compress))
        except RuntimeError as error:
            raise known.failed("%s could not be saved" % target, error) from None
    return {"path": target, "bytes": os.path.getsize(target), "file": bpy.data.filepath or None}


@table.command("file.import", effect="write")
def import_(call, path, format=None, objects=None, scale=1.0):
    found = paths.to_read(call, path)
    kind = known.of_path(found, format)
    if not kind.can_read:
        raise known.cannot(kind, "import")
    placing.leave_edit_mode()
    # Which files it may read is decided in imports.py, and in here what becomes of the Python in what came.
    with host.current().scripts.foreign(call) as still:
        added = imports.read(call, kind, found, objects, scale, still)
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
    outside.refuse(call, data_paths.everything(), "Exporting")
    outside.refuse_links(call, target)
    _refuse_odd(call, kind)
    placing.leave_edit_mode()
    try:
        limited = not paths.may_go_anywhere(call)
        with plain_names.while_exporting(kind.name == "obj", kind.name in known.WITH_PICTURES, limited):
            _write(kind, target, chosen, apply_modifiers)
    except RuntimeError as error:
        raise known.failed("%s could not be written" % target, error) from None
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


def _refuse_odd(call, kind):
    """An OBJ tells the pictures of its materials line by line; USD copies them under the names of their files."""
    for one in plain_names.odd_paths() if kind.name == "obj" else ():
        raise paths.refused(
            one.filepath,
            "The path of the image %r contains a line break or another control character." % one.name,
        )
    copied = kind.name in known.COPYING and not paths.may_go_anywhere(call)
    for one in plain_names.odd_copies() if copied else ():
        raise paths.refused(
            bpy.path.abspath(one.filepath, library=one.library),
            "The export would copy the image %r, whose file is not named like a picture." % one.name,
        )


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
        raise known.failed("The unsaved changes could not be saved, so nothing was closed", error) from None
