# SPDX-License-Identifier: GPL-3.0-or-later
"""render.*: pictures and films. Without a window, or with `background`, a child process renders a copy of the open
file and this one stays free; in a window Blender's own render job does, and its window shows the picture."""

import os

import bpy

from .. import data_paths, host, names, outside, paths, references, render_here, render_modal, sheets, versions
from .. import frames as numbered
from ..bridgekit.call import Deferred
from ..bridgekit.problem import Problem
from ..command_table import table
from ..render import PICTURES, Work, media_type, move, new_path, with_copy


@table.command("render.still", effect="write")
def still(
    call,
    path=None,
    scene=None,
    frame=None,
    camera=None,
    engine=None,
    samples=None,
    time_limit=None,
    width=None,
    height=None,
    percentage=None,
    transparent=None,
    overwrite=False,
    blob=False,
    background=None,
):
    settings, shown = _settings(
        call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent, frame=frame
    )
    target = paths.to_write(call, _picture(path, shown.name), overwrite)
    _keep_inside(call, settings)
    suffix = os.path.splitext(target)[1].lower()
    settings.update(suffix=suffix, format=PICTURES[suffix])
    note = _denoise_note(shown, engine)

    def finish(call, told):
        made, small = told.pop("made"), told.pop("preview")
        move(made, target, overwrite)
        told.update(path=target, bytes=os.path.getsize(target), preview=_preview(call, small))
        told["left_out"] = _told_left_out(settings)
        if note:
            call.log("info", note, "render.still")
        if blob:
            with open(target, "rb") as picture:
                told["blob"] = call.blob(picture.read(), media_type=media_type(target))
        return told

    if render_modal.wanted(call, background, settings):
        return render_modal.still(call, shown, settings, finish)
    work = with_copy(Work("still", settings))
    return Deferred(lambda call: work.run(call, lambda told: finish(call, told)))


@table.command("render.animation", effect="write")
def animation(
    call,
    path=None,
    scene=None,
    start=None,
    end=None,
    step=None,
    format="png",
    existing="refuse",
    camera=None,
    engine=None,
    samples=None,
    time_limit=None,
    width=None,
    height=None,
    percentage=None,
    transparent=None,
    background=None,
):
    settings, shown = _settings(
        call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent
    )
    plan = numbered.Plan(call, shown, path, start, end, step, format, existing)
    settings.update(plan.settings())
    _keep_inside(call, settings)
    plan.left_out = _told_left_out(settings)
    note = _denoise_note(shown, engine)
    if note:
        call.log("info", note, "render.animation")
    if not plan.wanted:
        return plan.told({"seconds": 0.0})
    if render_modal.wanted(call, background, settings):
        return render_modal.animation(call, shown, settings, plan)
    work = Work("animation", settings, lambda told: plan.heard(call, told, work))
    plan.begin(work)
    with_copy(work)
    return Deferred(lambda call: plan.run(call, work))


@table.command("render.plan", effect="read")
def plan(
    call,
    scene=None,
    camera=None,
    engine=None,
    samples=None,
    time_limit=None,
    width=None,
    height=None,
    percentage=None,
    transparent=None,
    format=None,
):
    settings, shown = _settings(
        call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent
    )
    settings["left_out"] = outside.outputs(call)
    told = render_here.plan(shown, settings, render_here.Form(shown, format))
    return dict(told, left_out=_told_left_out(settings))


@table.command("render.frames", effect="write")
def frames(
    call,
    frames,
    path,
    scene=None,
    format=None,
    overwrite=False,
    camera=None,
    engine=None,
    samples=None,
    time_limit=None,
    width=None,
    height=None,
    percentage=None,
    transparent=None,
    threads=None,
    dedicated=False,
):
    settings, shown = _settings(
        call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent
    )
    wanted = list(dict.fromkeys(frames))
    if not wanted or not all(isinstance(one, int) and abs(one) <= FRAME_MAX for one in wanted):
        raise Problem("arguments_invalid", "`frames` must be a list of whole numbers up to %d." % FRAME_MAX)
    folder = paths.to_write_in(call, path)
    _keep_inside(call, settings)
    note = _denoise_note(shown, engine)
    if note:
        call.log("info", note, "render.frames")
    form = render_here.Form(shown, format)
    told = render_here.render(call, shown, settings, form, wanted, folder, overwrite, threads, dedicated)
    return dict(told, left_out=_told_left_out(settings))


@table.command("render.sheet", effect="write")
def sheet(call, files, path, columns=None, width=1920, overwrite=False):
    if os.path.splitext(str(path))[1].lower() != ".png":
        raise Problem("arguments_invalid", "A contact sheet is a PNG.", hint="Name a file that ends in .png.")
    shown = bpy.context.scene
    told = {}

    def write(part):
        with render_here.set_up(shown, NOTHING_SET, render_here.Form(shown, "png")):
            told.update(sheets.sheet(call, _pictures(call, files), columns, width, part))

    target = render_here.whole(call, path, overwrite, write)
    return dict(told, path=target, bytes=os.path.getsize(target))


@table.command("render.film", effect="write")
def film(call, files, path, fps=24.0, overwrite=False):
    suffix = os.path.splitext(str(path))[1].lower()
    container = next((one[2] for one in numbered.FORMATS.values() if one[0] == suffix), None)
    if container is None:
        raise Problem("arguments_invalid", "A film must end in .mp4, .mkv or .mov, not in %r." % suffix)
    told = {}

    def write(part):
        told.update(sheets.film(call, _pictures(call, files), fps, container, part))

    target = render_here.whole(call, path, overwrite, write)
    return dict(told, path=target, bytes=os.path.getsize(target))


# The frames that Blender counts.
FRAME_MAX = 1_048_574
# What render_jobs.apply takes to change nothing.
NOTHING_SET = dict.fromkeys(("engine", "samples", "camera", "width", "height", "percentage", "transparent", "frame"))


def _pictures(call, files):
    if not files:
        raise Problem("arguments_invalid", "`files` is empty.", hint="Pass the paths of pictures.")
    found = [paths.to_read(call, one) for one in files]
    lists = [] if paths.may_go_anywhere(call) else [one for one in found if references.is_playlist(one)]
    if lists:
        raise paths.refused(lists[0], "%s is a list of other files." % lists[0])
    return found


def _settings(call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent, frame=None):
    """(what a job gets, the scene)."""
    shown = names.scene_named(scene)
    seen = names.object_of(camera, "CAMERA", "camera") if camera is not None else shown.camera
    if seen is None and not versions.shows_strips(shown):
        raise Problem(
            "not_found",
            "The scene %r has no camera to render with." % shown.name,
            hint="Create one with camera.create.",
        )
    if samples is not None and engine == "workbench":
        raise Problem("not_supported", "Workbench has no number of samples.", hint="Leave out `samples`.")
    drawn_by = engine or versions.engine_name(shown)
    if time_limit is not None and drawn_by != "cycles":
        raise Problem(
            "not_supported",
            "%s has no time limit for a picture." % drawn_by.capitalize(),
            hint="Set `engine` to cycles, or leave out `time_limit`.",
        )
    return {
        "scene": shown.name,
        "frame": frame,
        "camera": seen.name if seen is not None else None,
        "engine": engine,
        "samples": samples,
        "time_limit": time_limit,
        "width": width,
        "height": height,
        "percentage": percentage,
        "transparent": transparent,
        "scripts": host.current().scripts.allows(call),
    }, shown


def _keep_inside(call, settings):
    """What the scene reads lies where the caller may read, and what it writes besides is left out; see outside.py."""
    outside.refuse(call, data_paths.everything(), "Rendering")
    settings["left_out"] = outside.outputs(call)


def _told_left_out(settings):
    return [{"node": one["node"], "path": one["path"]} for one in settings["left_out"]]


def _preview(call, small):
    """A small PNG as {"$blob", …, "width", "height"}, or None."""
    if small is None:
        return None
    with open(small["made"], "rb") as picture:
        told = call.blob(picture.read(), media_type="image/png")
    return dict(told, width=small["width"], height=small["height"])


def _picture(path, scene_name):
    if path is None:
        return new_path(scene_name)
    suffix = os.path.splitext(str(path))[1].lower()
    if suffix not in PICTURES:
        raise Problem(
            "arguments_invalid",
            "The suffix %r does not say which picture format to use." % suffix,
            hint="Suffixes: %s." % ", ".join(PICTURES),
        )
    return path


def _denoise_note(scene, engine):
    name = engine or versions.engine_name(scene)
    wants = name == "cycles" and hasattr(scene, "cycles") and scene.cycles.use_denoising
    if wants and not versions.can_denoise():
        return "This Blender was built without OpenImageDenoise: the picture is not denoised."
    return None
