# SPDX-License-Identifier: MIT OR Apache-2.0
# ruff: noqa: F821
"""Runs in Blender by code.run, which has `bpy` and `kapelle` ready. Works from Blender 3.4 to 5.2.

One turn that begins again without a seam; the glow breathes; the camera has a shallow focus; Cycles takes the
short way.
"""

import math


def animate(carousel, glow, camera, last):
    carousel, glow, camera = (bpy.data.objects[name] for name in (carousel, glow, camera))
    edit = bpy.context.preferences.edit
    before = edit.keyframe_new_interpolation_type
    try:
        edit.keyframe_new_interpolation_type = "LINEAR"
        for frame, turn in ((1, 0.0), (last + 1, math.tau)):
            carousel.rotation_euler.z = turn
            carousel.keyframe_insert("rotation_euler", index=2, frame=frame)
        edit.keyframe_new_interpolation_type = "BEZIER"
        low = glow.location.z
        for part, height in ((0.0, low), (0.5, low + 0.2), (1.0, low)):
            glow.location.z = height
            glow.keyframe_insert("location", index=2, frame=1 + round(part * last))
            kapelle.progress(part, "keyframes")
    finally:
        edit.keyframe_new_interpolation_type = before
    lens = camera.data.dof
    lens.use_dof, lens.focus_object, lens.aperture_fstop = True, glow, 1.8
    scene = bpy.context.scene
    # Enough for few lights and no glass, and half the time.
    quick = {"max_bounces": 4, "diffuse_bounces": 2, "glossy_bounces": 2, "use_light_tree": False}
    for name, value in quick.items():
        if hasattr(scene.cycles, name):
            setattr(scene.cycles, name, value)
    view = scene.view_settings
    for look in ("AgX - Punchy", "Punchy", "Medium High Contrast", "High Contrast"):
        try:
            view.look = look
            break
        except TypeError:  # this Blender has no look of that name
            continue
    scene.frame_set(scene.frame_current)
    return {"frames": last, "look": view.look}
