# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that renders: `blender -b --python render_child.py -- JOB` or `python render_child.py JOB`.

In: a JSON file written by render.py (a copy of the open file, settings, where the picture goes). Out: lines on
stdout that begin with "KAPELLE " and carry JSON: {"stats"}, then {"done"} or {"error", "code"}. It leaves when
its stdin closes, so it does not outlive the Blender that started it. It never connects to a hub.
"""

import importlib
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with open(sys.argv[-1], encoding="utf-8") as source:
        job = json.load(source)
    try:
        _say(done=_render(job))
        code = 0
    except Exception as error:
        _say(error=str(error).strip() or type(error).__name__, code=getattr(error, "code", "call_failed"))
        code = 1
    sys.stdout.flush()
    os._exit(code)  # the wheel hangs or crashes in its own clean-up; the picture is written


def _render(job):
    import bpy

    # The package is imported from its folder under its own name, whatever that is here.
    sys.path[:] = [os.path.dirname(HERE)] + [one for one in sys.path if os.path.abspath(one or ".") != HERE]
    versions = importlib.import_module(os.path.basename(HERE) + ".versions")
    bpy.ops.wm.open_mainfile(filepath=job["file"], load_ui=False, use_scripts=job["scripts"])
    scene = bpy.data.scenes[job["scene"]]
    _apply(scene, job, versions)
    bpy.app.handlers.render_stats.append(
        lambda *args: _say(stats=args[0]) if args and isinstance(args[0], str) else None
    )
    began = time.monotonic()
    bpy.ops.render.render(write_still=True, scene=scene.name)
    if not os.path.isfile(job["out"]):
        raise RuntimeError("Blender rendered, but wrote no file.")
    render = scene.render
    scaled = render.resolution_percentage / 100.0
    return {
        "seconds": round(time.monotonic() - began, 3),
        "width": int(render.resolution_x * scaled),
        "height": int(render.resolution_y * scaled),
        "engine": versions.engine_name(scene),
        "samples": versions.samples_of(scene),
        "frame": scene.frame_current,
        "camera": scene.camera.name if scene.camera else None,
        "scene": scene.name,
    }


def _apply(scene, job, versions):
    import bpy

    render = scene.render
    if job["engine"] is not None:
        versions.set_engine(scene, job["engine"])
    if job["samples"] is not None:
        versions.set_samples(scene, job["samples"])
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
    image = render.image_settings
    if hasattr(image, "media_type"):  # 5.0 and later: which formats there are depends on it
        image.media_type = "IMAGE"
    image.file_format = job["format"]
    if job["format"] != "JPEG" and job["format"] != "BMP":
        image.color_mode = "RGBA" if render.film_transparent else "RGB"
    render.use_file_extension = False
    render.filepath = job["out"]


def _say(**told):
    try:
        os.write(1, b"\nKAPELLE " + json.dumps(told).encode("ascii") + b"\n")
    except OSError:
        os._exit(3)


def _leave_with_parent():
    try:
        while os.read(0, 1):
            pass
    except OSError:
        pass
    os._exit(3)


if __name__ == "__main__":
    main()
