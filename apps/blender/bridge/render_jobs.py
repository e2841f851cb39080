# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child process does (see render_child.py): one function for each kind of job.

In: a job {"kind", "file", "folder", …settings} and `say(**told)`, which reaches the Blender that started it. Out: a
dict that becomes `done`; files lie in the job's folder. Whatever it changes goes with the process.
"""

import os
import time
from array import array

import bpy
from bpy.app.handlers import persistent
from mathutils import Matrix

from . import data_paths, drawing, import_job, outside, versions

# Pixels along the longer side of a preview.
PREVIEW_PX = 768


def run(job, say):
    """Does the job. Raises what Blender raises."""
    if job["kind"] not in ("card", "look", "import"):
        bpy.ops.wm.open_mainfile(filepath=job["file"], load_ui=False, use_scripts=job["scripts"])
    bpy.app.handlers.render_stats.append(
        lambda *args: say(stats=args[0]) if args and isinstance(args[0], str) else None
    )
    return KINDS[job["kind"]](job, say)


def still(job, say):
    """One picture, and a small copy of it to look at."""
    scene = bpy.data.scenes[job["scene"]]
    apply(scene, job)
    slow_note(scene, say)
    out = os.path.join(job["folder"], "picture" + job["suffix"])
    picture_format(scene, job["format"])
    scene.render.filepath = versions.literal(out)
    began = time.monotonic()
    bpy.ops.render.render(write_still=True, scene=scene.name)
    if not os.path.isfile(out):
        raise RuntimeError("Blender rendered but wrote no file.")
    seconds = round(time.monotonic() - began, 3)
    told = dict(facts(scene), seconds=seconds, frame=scene.frame_current, made=out)
    told["preview"] = preview(scene, out, os.path.join(job["folder"], "preview.png"))
    return told


def animation(job, say):
    """Frame by frame; each is told when its file is whole."""
    scene = bpy.data.scenes[job["scene"]]
    apply(scene, job)
    slow_note(scene, say)
    scene.render.use_persistent_data = True
    if job["film"] is not None:
        return _film(scene, job, say)
    picture_format(scene, job["format"])
    began = time.monotonic()
    for frame in job["frames"]:
        out = os.path.join(job["folder"], "frame%s" % job["suffix"])
        scene.frame_set(frame)
        scene.render.filepath = versions.literal(out)
        started = time.monotonic()
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not os.path.isfile(out):
            raise RuntimeError("Blender rendered frame %d but wrote no file." % frame)
        whole = os.path.join(job["folder"], "whole-%d%s" % (frame, job["suffix"]))
        os.replace(out, whole)
        say(frame=frame, made=whole, seconds=round(time.monotonic() - started, 3))
    return dict(facts(scene), seconds=round(time.monotonic() - began, 3))


def views(job, say):
    """The scene by Cycles from some cameras, as raw pixels: three bytes each, rows from the top."""
    scene = bpy.data.scenes[job["scene"]]
    apply(scene, job)
    render = scene.render
    render.use_compositing = render.use_sequencer = False
    render.film_transparent = False
    picture_format(scene, "PNG")
    files = []
    for number, view in enumerate(job["views"]):
        scene.camera = _camera(scene, view)
        out = os.path.join(job["folder"], "view.png")
        render.filepath = versions.literal(out)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        files.append(os.path.join(job["folder"], "view-%d.rgb" % number))
        with open(files[-1], "wb") as raw:
            raw.write(_raw(out))
        say(view=number + 1)
    return dict(facts(scene), files=files)


def card(job, say):
    """Whether Blender can open a graphics card without a display. It ends the process where it cannot."""
    drawing.open_card()
    name, real = drawing.card()
    return {"card": name, "real": real}


def look(job, say):
    """What in a file leads out of the folders that a caller without `code` may use. The child ends before anything of
    the file is evaluated."""

    @persistent
    def loaded(*args):
        try:
            say(done={"rows": outside.rows_of(data_paths.everything())})
        except Exception as error:
            say(error="%s could not be checked: %s" % (job["path"], error))
        os._exit(0)

    bpy.app.handlers.load_post.append(loaded)
    bpy.ops.wm.open_mainfile(filepath=job["path"], load_ui=False, use_scripts=False)
    raise RuntimeError("%s could not be opened." % job["path"])


KINDS = {"still": still, "animation": animation, "views": views, "card": card, "look": look, "import": import_job.run}


def apply(scene, job):
    """Puts the job's settings into the scene."""
    render = scene.render
    if job["engine"] is not None:
        versions.set_engine(scene, job["engine"])
    if job["samples"] is not None:
        versions.set_samples(scene, job["samples"])
    if job.get("time_limit") is not None:
        scene.cycles.time_limit = job["time_limit"]
    if job["camera"] is not None:
        scene.camera = bpy.data.objects[job["camera"]]
    for key, value in (("resolution_x", "width"), ("resolution_y", "height"), ("resolution_percentage", "percentage")):
        if job[value] is not None:
            setattr(render, key, job[value])
    if job["transparent"] is not None:
        render.film_transparent = job["transparent"]
    if hasattr(scene, "cycles") and not versions.can_denoise():
        scene.cycles.use_denoising = False
    if job["frame"] is not None:
        scene.frame_set(job["frame"])
    render.use_file_extension = False
    for node in outside.nodes_of(job.get("left_out", ())):
        node.mute = True


def facts(scene):
    """What is told of every render."""
    render = scene.render
    scaled = render.resolution_percentage / 100.0
    return {
        "width": int(render.resolution_x * scaled),
        "height": int(render.resolution_y * scaled),
        "engine": versions.engine_name(scene),
        "samples": versions.samples_of(scene),
        "camera": scene.camera.name if scene.camera else None,
        "scene": scene.name,
    }


def preview(scene, picture, path):
    """Writes a small PNG of a finished picture. {"made", "width", "height"}, or None where Blender cannot read it."""
    image = None
    try:
        image = bpy.data.images.load(picture)
        width, height = image.size
        if not width or not height:
            return None
        if not image.is_float:  # it has gone through the scene's view transform already
            versions.plain_colours(scene)
        longer = max(width, height)
        if longer > PREVIEW_PX:
            width, height = (max(1, round(side * PREVIEW_PX / longer)) for side in (width, height))
            image.scale(width, height)
        picture_format(scene, "PNG")
        scene.render.image_settings.color_depth = "8"
        image.save_render(path, scene=scene)
    except RuntimeError:
        return None
    finally:
        if image is not None:
            bpy.data.images.remove(image)
    return {"made": path, "width": width, "height": height}


def picture_format(scene, name):
    """Sets the output to pictures of one of Blender's formats."""
    image = scene.render.image_settings
    if hasattr(image, "media_type"):  # 5.0 and later: which formats there are depends on it
        image.media_type = "IMAGE"
    image.file_format = name
    if name not in ("JPEG", "BMP"):
        image.color_mode = "RGBA" if scene.render.film_transparent else "RGB"


def slow_note(scene, say):
    """EEVEE without a graphics card takes minutes: that is said before it begins."""
    if versions.engine_name(scene) != "eevee":
        return
    if bpy.app.background:
        drawing.open_card()
    name, real = drawing.card()
    if not real:
        note = (
            "EEVEE is running without a graphics card, on %s: even a small picture may take minutes. Cycles is faster."
        )
        say(note=note % name)


def _film(scene, job, say):
    render = scene.render
    versions.film_format(scene, job["film"])
    frames = job["frames"]
    scene.frame_start, scene.frame_end, scene.frame_step = frames[0], frames[-1], job["step"]
    out = os.path.join(job["folder"], "film" + job["suffix"])
    render.filepath = versions.literal(out)
    began = time.monotonic()
    bpy.app.handlers.render_write.append(lambda scene, *args: say(frame=scene.frame_current, made=None))
    bpy.ops.render.render(animation=True, scene=scene.name)
    if not os.path.isfile(out):
        raise RuntimeError("Blender rendered but wrote no film.")
    told = dict(facts(scene), seconds=round(time.monotonic() - began, 3), made=out)
    return dict(told, fps=round(render.fps / render.fps_base, 6))


def _camera(scene, view):
    if view["camera"] is not None:
        return bpy.data.objects[view["camera"]]
    data = bpy.data.cameras.new("Kapelle")
    made = bpy.data.objects.new("Kapelle", data)
    scene.collection.objects.link(made)
    made.matrix_world = Matrix([view["place"][at : at + 4] for at in range(0, 16, 4)])
    lens = view["lens"]
    data.clip_start, data.clip_end = lens["clip"]
    data.sensor_fit = "AUTO"
    if "ortho_scale" in lens:
        data.type = "ORTHO"
        data.ortho_scale = lens["ortho_scale"]
    else:
        data.angle = lens["angle"]
    return made


def _raw(path):
    """The pixels of a PNG, as Blender reads them."""
    image = bpy.data.images.load(path)
    width, height = image.size
    held = array("f", bytes(width * height * 16))
    image.pixels.foreach_get(held)
    bpy.data.images.remove(image)
    whole = bytes(map(round, map((255.0).__mul__, held)))
    out = bytearray(width * height * 3)
    for channel in range(3):
        out[channel::3] = whole[channel::4]
    line = width * 3
    return b"".join(out[at : at + line] for at in range(len(out) - line, -1, -line))
