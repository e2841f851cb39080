# SPDX-License-Identifier: GPL-3.0-or-later
"""scene.*: the scenes of the open file and their render settings."""

import bpy

from .. import describe, host, names, plain_names, versions
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("scene.get", effect="read")
def get(call, name=None):
    return describe.scene(names.scene_named(name))


@table.command("scene.set", effect="write")
def set_(
    call,
    name=None,
    rename=None,
    active=None,
    frame=None,
    frame_start=None,
    frame_end=None,
    fps=None,
    engine=None,
    samples=None,
    width=None,
    height=None,
    percentage=None,
    camera=None,
    background=None,
    background_strength=None,
    transparent=None,
    view_transform=None,
    exposure=None,
    units=None,
    unit_scale=None,
):
    scene = names.scene_named(name)
    seen = names.object_of(camera, "CAMERA", "camera") if camera is not None else None
    start = scene.frame_start if frame_start is None else frame_start
    end = scene.frame_end if frame_end is None else frame_end
    if start > end:
        raise Problem(
            "arguments_invalid",
            "The range %d to %d is empty." % (start, end),
            hint="frame_start must be at most frame_end.",
        )
    if engine is not None:
        versions.set_engine(scene, engine)
    if samples is not None and not versions.set_samples(scene, samples):
        raise Problem(
            "not_supported",
            "The engine %s has no number of samples." % versions.engine_name(scene),
            hint="Set `engine` to cycles or eevee, or leave out `samples`.",
        )
    _set_frames(scene, frame, frame_start, frame_end, fps)
    render = scene.render
    for key, value in (("resolution_x", width), ("resolution_y", height), ("resolution_percentage", percentage)):
        if value is not None:
            setattr(render, key, value)
    if seen is not None:
        scene.camera = seen
    _set_background(scene, background, background_strength)
    _set_look(scene, transparent, view_transform, exposure)
    for key, value in (("system", units.upper() if units else None), ("scale_length", unit_scale)):
        if value is not None:
            setattr(scene.unit_settings, key, value)
    if rename is not None:
        scene.name = plain_names.plain(rename)
    if active:
        _activate(scene)
    host.current().changed("scene", scene.name)
    return describe.scene(scene)


@table.command("scene.delete", effect="destructive")
def delete(call, name, objects=False):
    found = names.scene_named(name)
    if len(bpy.data.scenes) == 1:
        raise Problem("call_failed", "%r is the only scene." % name, hint="Use file.new for an empty file.")
    gone = [one for one in found.objects if {*one.users_scene} == {found}] if objects else []
    told = [one.name for one in gone]
    if found == bpy.context.scene:
        _activate(next(one for one in bpy.data.scenes if one != found))
    bpy.data.batch_remove(gone)
    bpy.data.scenes.remove(found)
    return {"deleted": name, "objects_deleted": told, "active": bpy.context.scene.name}


@table.command("scene.new", effect="write")
def new(call, name=None, copy_settings=True, active=True):
    before = bpy.context.scene
    made = bpy.data.scenes.new(plain_names.plain(name) or "Scene")
    if copy_settings:
        _copy_settings(before, made)
    if active:
        _activate(made)
    return describe.scene(made)


def _set_frames(scene, frame, start, end, fps):
    if fps is not None:
        # Blender keeps whole frames over a base: 23.976 is 24 over 1.001.
        scene.render.fps = max(1, round(fps))
        scene.render.fps_base = scene.render.fps / fps
    # The wider end first, so that neither pushes the other.
    if end is not None and end >= scene.frame_start:
        scene.frame_end = end
    if start is not None:
        scene.frame_start = start
    if end is not None:
        scene.frame_end = end
    if frame is not None:
        scene.frame_set(frame)


def _set_background(scene, color, strength):
    if color is None and strength is None:
        return
    if scene.world is None:
        scene.world = bpy.data.worlds.new("World")
    node = versions.background(scene.world)
    if color is not None:
        node.inputs["Color"].default_value = (*color[:3], 1.0)
        scene.world.color = color[:3]
    if strength is not None:
        node.inputs["Strength"].default_value = strength


def _set_look(scene, transparent, view_transform, exposure):
    if transparent is not None:
        scene.render.film_transparent = transparent
    if exposure is not None:
        scene.view_settings.exposure = exposure
    if view_transform is None:
        return
    try:
        scene.view_settings.view_transform = view_transform
    except TypeError as error:
        known = str(error).rpartition("(")[2].rstrip(")\n").replace("'", "").split(", ")
        raise Problem(
            "not_supported",
            "This Blender has no view transform %r." % view_transform,
            hint=names.near(view_transform, known),
        ) from None


def _copy_settings(old, new):
    """What a person expects to stay: engine, size, range, speed, world."""
    versions.set_engine(new, versions.engine_name(old))
    samples = versions.samples_of(old)
    if samples is not None:
        versions.set_samples(new, samples)
    for key in ("resolution_x", "resolution_y", "resolution_percentage", "fps", "fps_base"):
        setattr(new.render, key, getattr(old.render, key))
    new.frame_start, new.frame_end = old.frame_start, old.frame_end
    new.world = old.world


def _activate(scene):
    window = bpy.context.window
    if window is None and bpy.context.window_manager.windows:
        window = bpy.context.window_manager.windows[0]
    if window is None:
        raise Problem(
            "not_supported", "This Blender has no window whose scene could be set.", hint="Pass active=false."
        )
    window.scene = scene
