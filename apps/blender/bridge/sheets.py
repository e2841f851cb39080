# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that were rendered, put together: a contact sheet, a film.

In: the paths of pictures. Out: one file, whole or not there. Pictures with the scene's own light values (EXR) go
through its view transform, others are taken as they are. What it makes in the open file it takes away again.
"""

import math
import os
import shutil
import tempfile
from array import array

import bpy

from . import versions
from .bridgekit.problem import Problem

# Pixels between two pictures of a sheet.
GAP_PX = 4
# Grey of the ground of a sheet.
GROUND = 0.12
# Pixels of a sheet at most: a sheet is looked at, not printed. Each takes 16 bytes while it is made.
SHEET_PX_MAX = 64_000_000
_CHANNELS = 4


def sheet(call, files, columns, width, part):
    """Writes a PNG of all pictures in rows. Returns what is told of it."""
    count = len(files)
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    first = _load(files[0])
    ratio = first.size[1] / max(1, first.size[0])
    bpy.data.images.remove(first)
    cell_w = max(1, (width - GAP_PX * (columns + 1)) // columns)
    cell_h = max(1, round(cell_w * ratio))
    height = rows * (cell_h + GAP_PX) + GAP_PX
    if width * height > SHEET_PX_MAX:
        raise Problem("arguments_invalid", "The sheet would be %d by %d pixels." % (width, height), hint="Take fewer.")
    ground = array("f", [GROUND, GROUND, GROUND, 1.0])
    pixels = ground * (width * height)
    for number, path in enumerate(files):
        call.progress(number / count, "picture %d of %d" % (number + 1, count))
        cell = _cell(path, cell_w, cell_h)
        left = GAP_PX + number % columns * (cell_w + GAP_PX)
        # Blender's rows begin at the bottom.
        bottom = height - (number // columns + 1) * (cell_h + GAP_PX)
        for row in range(cell_h):
            at = ((bottom + row) * width + left) * _CHANNELS
            line = cell_w * _CHANNELS
            pixels[at : at + line] = cell[row * line : (row + 1) * line]
    _save(pixels, width, height, part)
    return {"width": width, "height": height, "columns": columns, "rows": rows, "pictures": count}


def film(call, files, fps, container, part):
    """Writes a film of pictures that lie in one folder. Returns what is told of it."""
    if not versions.has_films():
        raise Problem(
            "not_supported", "This Blender was built without FFMPEG, so it cannot write films.", hint="Install ffmpeg."
        )
    folder = os.path.dirname(files[0])
    if any(os.path.dirname(one) != folder for one in files):
        raise Problem("arguments_invalid", "The pictures of a film must be in one folder.")
    picture = _load(files[0])
    width, height = picture.size
    shown = bpy.context.scene.view_settings.view_transform if picture.is_float else "Standard"
    bpy.data.images.remove(picture)
    scene = bpy.data.scenes.new("Kapelle film")
    count = len(files)

    def written(*args):
        number = scene.frame_current
        call.progress(min(1.0, number / count), "picture %d of %d" % (number, count))

    try:
        _strip(scene, files)
        scene.view_settings.view_transform = shown
        render = scene.render
        # The codec wants even sides.
        render.resolution_x, render.resolution_y = width - width % 2, height - height % 2
        render.resolution_percentage = 100
        render.use_sequencer, render.use_compositing, render.use_file_extension = True, False, False
        render.fps, render.fps_base = _rate(fps)
        scene.frame_start, scene.frame_end, scene.frame_step = 1, count, 1
        versions.film_format(scene, container)
        render.filepath = versions.literal(part)
        bpy.app.handlers.render_write.append(written)
        try:
            bpy.ops.render.render(animation=True, scene=scene.name)
        finally:
            bpy.app.handlers.render_write.remove(written)
    finally:
        bpy.data.scenes.remove(scene)
    return {"width": width, "height": height, "fps": fps, "pictures": count, "seconds": round(count / fps, 3)}


def _strip(scene, files):
    strips = versions.strips(scene.sequence_editor_create())
    strip = strips.new_image("frames", files[0], 1, 1)
    for one in files[1:]:
        strip.elements.append(os.path.basename(one))
    strip.frame_final_duration = len(files)


def _rate(fps):
    """(whole frames, base): 29.97 is 30 over 1.001."""
    whole = max(1, math.ceil(fps))
    return whole, whole / fps


def _load(path):
    try:
        image = bpy.data.images.load(path)
    except RuntimeError as error:
        raise Problem("call_failed", "%s is not a picture Blender can read: %s" % (path, str(error).strip())) from None
    if not image.size[0] or not image.size[1]:
        bpy.data.images.remove(image)
        raise Problem("call_failed", "%s is not a complete picture." % path)
    return image


def _cell(path, width, height):
    """The pixels of a picture in that size."""
    image = _load(path)
    folder = None
    try:
        if image.is_float:
            folder = tempfile.mkdtemp(prefix="kapelle-")
            plain = os.path.join(folder, "plain.png")
            image.save_render(plain, scene=_saving_png())
            bpy.data.images.remove(image)
            image = _load(plain)
        image.scale(width, height)
        held = array("f", bytes(width * height * _CHANNELS * 4))
        image.pixels.foreach_get(held)
        return held
    finally:
        bpy.data.images.remove(image)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _saving_png():
    """The scene, whose output `sheet` has set to PNG."""
    return bpy.context.scene


def _save(pixels, width, height, part):
    image = bpy.data.images.new("Kapelle sheet", width, height, alpha=False)
    try:
        image.pixels.foreach_set(pixels)
        image.filepath_raw = part
        image.file_format = "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
