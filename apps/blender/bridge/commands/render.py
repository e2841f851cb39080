# SPDX-License-Identifier: GPL-3.0-or-later
"""render.*: pictures. A child process renders a copy of the open file; this one stays free."""

import os

import bpy

from .. import host, names, paths, versions
from ..bridgekit.call import Deferred
from ..bridgekit.problem import Problem
from ..render import PICTURES, Work, picture_path
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
    width=None,
    height=None,
    percentage=None,
    transparent=None,
    overwrite=False,
    blob=False,
):
    shown = names.scene_named(scene)
    seen = names.object_of(camera, "CAMERA", "camera") if camera is not None else shown.camera
    if seen is None:
        raise Problem(
            "not_found", "The scene %r has no camera to render with." % shown.name, hint="Make one with camera.create."
        )
    if samples is not None and engine == "workbench":
        raise Problem("not_supported", "Workbench has no number of samples.", hint="Leave out `samples`.")
    target = paths.to_write(call, _picture(path, shown.name), overwrite)
    settings = {
        "scene": shown.name,
        "frame": frame,
        "camera": seen.name,
        "engine": engine,
        "samples": samples,
        "width": width,
        "height": height,
        "percentage": percentage,
        "transparent": transparent,
        "scripts": paths.may_go_anywhere(call) and bpy.context.preferences.filepaths.use_scripts_auto_execute,
    }
    work = Work(settings, target, overwrite)
    try:
        host.current().copy_to(work.job["file"])
    except BaseException:
        work.drop()
        raise
    note = _denoise_note(shown, engine)

    def run(call):
        told = work.run(call)
        told.update(path=target, bytes=os.path.getsize(target))
        if note:
            call.log("info", note, "render.still")
        if blob:
            with open(target, "rb") as picture:
                told["blob"] = call.blob(picture.read(), media_type=_media_type(target))
        return told

    return Deferred(run)


def _picture(path, scene_name):
    if path is None:
        return picture_path(scene_name)
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


def _media_type(path):
    suffix = os.path.splitext(path)[1].lower()
    kinds = {".png": "png", ".webp": "webp", ".bmp": "bmp", ".tif": "tiff", ".tiff": "tiff", ".exr": "x-exr"}
    return "image/" + kinds.get(suffix, "jpeg")
