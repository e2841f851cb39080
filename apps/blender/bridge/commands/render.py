# SPDX-License-Identifier: GPL-3.0-or-later
"""render.*: pictures and films. Without a window, or with `background`, a child process renders a copy of the open
file and this one stays free; in a window Blender's own render job does, and its window shows the picture."""

import os

import bpy

from .. import frames, names, paths, render_modal, versions
from ..bridgekit.call import Deferred
from ..bridgekit.problem import Problem
from ..render import PICTURES, Work, media_type, move, new_path, with_copy
from . import table


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
    suffix = os.path.splitext(target)[1].lower()
    settings.update(suffix=suffix, format=PICTURES[suffix])
    note = _denoise_note(shown, engine)

    def finish(call, told):
        made, small = told.pop("made"), told.pop("preview")
        move(made, target, overwrite)
        told.update(path=target, bytes=os.path.getsize(target), preview=_preview(call, small))
        if note:
            call.log("info", note, "render.still")
        if blob:
            with open(target, "rb") as picture:
                told["blob"] = call.blob(picture.read(), media_type=media_type(target))
        return told

    if render_modal.wanted(background):
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
    plan = frames.Plan(call, shown, path, start, end, step, format, existing)
    settings.update(plan.settings())
    note = _denoise_note(shown, engine)
    if note:
        call.log("info", note, "render.animation")
    if not plan.wanted:
        return plan.told({"seconds": 0.0})
    if render_modal.wanted(background):
        return render_modal.animation(call, shown, settings, plan)
    work = Work("animation", settings, lambda told: plan.heard(call, told, work))
    plan.begin(work)
    with_copy(work)
    return Deferred(lambda call: plan.run(call, work))


def _settings(call, scene, camera, engine, samples, time_limit, width, height, percentage, transparent, frame=None):
    """(what a job gets, the scene)."""
    shown = names.scene_named(scene)
    seen = names.object_of(camera, "CAMERA", "camera") if camera is not None else shown.camera
    if seen is None:
        raise Problem(
            "not_found", "The scene %r has no camera to render with." % shown.name, hint="Make one with camera.create."
        )
    if samples is not None and engine == "workbench":
        raise Problem("not_supported", "Workbench has no number of samples.", hint="Leave out `samples`.")
    drawn_by = engine or versions.engine_name(shown)
    if time_limit is not None and drawn_by != "cycles":
        raise Problem(
            "not_supported",
            "%s has no limit of time for a picture." % drawn_by.capitalize(),
            hint="Set `engine` to cycles, or leave out `time_limit`.",
        )
    return {
        "scene": shown.name,
        "frame": frame,
        "camera": seen.name,
        "engine": engine,
        "samples": samples,
        "time_limit": time_limit,
        "width": width,
        "height": height,
        "percentage": percentage,
        "transparent": transparent,
        "scripts": paths.may_go_anywhere(call) and bpy.context.preferences.filepaths.use_scripts_auto_execute,
    }, shown


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
            "The picture's format cannot be told from the suffix %r." % suffix,
            hint="Suffixes: %s." % ", ".join(PICTURES),
        )
    return path


def _denoise_note(scene, engine):
    name = engine or versions.engine_name(scene)
    wants = name == "cycles" and hasattr(scene, "cycles") and scene.cycles.use_denoising
    if wants and not versions.can_denoise():
        return "This Blender was built without OpenImageDenoise: the picture is not denoised."
    return None
