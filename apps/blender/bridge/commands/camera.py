# SPDX-License-Identifier: GPL-3.0-or-later
"""camera.*: cameras, what they look at, and which of them renders."""

import bpy

from .. import describe, framing, host, names, naming, placing, plain_names
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("camera.create", effect="write")
def create(
    call,
    name=None,
    location=(7.0, -7.0, 5.0),
    rotation=None,
    look_at=None,
    kind="perspective",
    lens=50.0,
    ortho_scale=6.0,
    active=True,
):
    if rotation is not None and look_at is not None:
        raise Problem(
            "arguments_invalid",
            "A camera takes either a rotation or something to look at.",
            hint="Leave out one of the two.",
        )
    point = placing.point_of(look_at, "look_at") if look_at is not None else None
    placing.leave_edit_mode()
    title = plain_names.plain(name) or "Camera"
    data = bpy.data.cameras.new(title)
    made = bpy.data.objects.new(title, data)
    placing.collection_for().objects.link(made)
    data.type = "ORTHO" if kind == "orthographic" else "PERSP"
    data.lens = lens
    data.ortho_scale = ortho_scale
    placing.place(made, location, rotation or (0.0, 0.0, 0.0))
    if point is None and rotation is None:
        point = placing.point_of((0.0, 0.0, 0.0))
    if point is not None and (point - made.location).length > 1e-6:
        placing.look_at(made, point)
    if active:
        bpy.context.scene.camera = made
    return describe.camera(made)


@table.command("camera.get", effect="read")
def get(call, name=None):
    return describe.camera(_camera(name))


@table.command("camera.set", effect="write")
def set_(
    call,
    name=None,
    location=None,
    rotation=None,
    kind=None,
    lens=None,
    ortho_scale=None,
    clip_start=None,
    clip_end=None,
    active=None,
    depth_of_field=None,
    focus=None,
    aperture=None,
    shift_x=None,
    shift_y=None,
):
    found = _camera(name)
    target = _focus(focus)
    placing.place(found, location, rotation)
    if kind is not None:
        found.data.type = "ORTHO" if kind == "orthographic" else "PERSP"
    for key, value in (
        ("lens", lens),
        ("ortho_scale", ortho_scale),
        ("clip_start", clip_start),
        ("clip_end", clip_end),
        ("shift_x", shift_x),
        ("shift_y", shift_y),
    ):
        if value is not None:
            setattr(found.data, key, value)
    _set_focus(found.data.dof, depth_of_field, target, aperture)
    host.current().changed("object", found.name)
    if active:
        bpy.context.scene.camera = found
    elif active is False and bpy.context.scene.camera == found:
        bpy.context.scene.camera = None
    return describe.camera(found)


@table.command("camera.look_at", effect="write")
def look_at(call, target, name=None, distance=None):
    found = _camera(name)
    point = placing.point_of(target)
    if distance is not None:
        bpy.context.view_layer.update()
        away = found.matrix_world.translation - point
        if away.length < 1e-6:
            raise Problem("arguments_invalid", "The camera is at the target.", hint="Give it a location first.")
        place = point + away.normalized() * distance
        if found.parent is not None:
            place = (found.parent.matrix_world @ found.matrix_parent_inverse).inverted() @ place
        found.location = place
    placing.look_at(found, point)
    return describe.camera(found)


@table.command("camera.frame", effect="write")
def frame(call, objects=None, name=None, margin=0.05, side=None):
    found = _camera(name)
    wanted = naming.objects(None, objects, "camera.frame") if objects else None
    points = framing.corners(wanted)
    if not points:
        raise Problem("not_found", "There is nothing to look at in the scene.", hint="Name `objects`.")
    if side is not None:
        framing.turn(found, side)
    framing.fit(found, points, margin)
    return describe.camera(found)


def _focus(focus):
    """The object or the distance in metres that is sharp. Raises not_found or arguments_invalid."""
    if isinstance(focus, str):
        return names.object_named(focus)
    if focus is not None and (isinstance(focus, bool) or not isinstance(focus, (int, float)) or focus <= 0):
        raise Problem(
            "arguments_invalid",
            "`focus` cannot be %r." % (focus,),
            hint="Pass the name of an object, or a distance in metres.",
        )
    return focus


def _set_focus(dof, on, focus, aperture):
    if isinstance(focus, bpy.types.Object):
        dof.focus_object = focus
    elif focus is not None:
        dof.focus_object = None
        dof.focus_distance = focus
    if aperture is not None:
        dof.aperture_fstop = aperture
    if on is None and (focus is not None or aperture is not None):
        on = True
    if on is not None:
        dof.use_dof = on


def _camera(name):
    """The camera of that name, or the scene's active one. Raises not_found."""
    if name is not None:
        return names.object_of(name, "CAMERA", "camera")
    if bpy.context.scene.camera is None:
        there = [one.name for one in bpy.data.objects if one.type == "CAMERA"]
        raise Problem(
            "not_found",
            "The scene has no active camera.",
            hint="Cameras: %s. Pass `name`." % ", ".join(map(repr, there[: names.LISTED_MAX]))
            if there
            else "Create one with camera.create.",
        )
    return bpy.context.scene.camera
