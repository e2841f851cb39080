# SPDX-License-Identifier: GPL-3.0-or-later
"""light.*: lights. `size` is what makes shadows soft: a diameter, an edge, or the sun's angle in degrees."""

import math

import bpy

from .. import describe, names, placing, plain_names
from ..bridgekit.problem import Problem
from ..command_table import table

# Kind -> energy where the caller does not say: watts, for a sun watts per square metre.
ENERGY = {"point": 1000.0, "spot": 1000.0, "area": 500.0, "sun": 3.0}


@table.command("light.create", effect="write")
def create(
    call,
    kind="point",
    name=None,
    location=(4.0, 1.0, 6.0),
    rotation=None,
    look_at=None,
    energy=None,
    color=(1.0, 1.0, 1.0),
    size=None,
    angle=None,
):
    if rotation is not None and look_at is not None:
        raise Problem(
            "arguments_invalid",
            "A light takes either a rotation or something to look at.",
            hint="Leave out one of the two.",
        )
    _check_spot(kind.upper(), angle, None)
    point = placing.point_of(look_at, "look_at") if look_at is not None else None
    placing.leave_edit_mode()
    title = plain_names.plain(name) or kind.capitalize()
    data = bpy.data.lights.new(title, kind.upper())
    made = bpy.data.objects.new(title, data)
    placing.collection_for().objects.link(made)
    placing.place(made, location, rotation)
    _apply(data, ENERGY[kind] if energy is None else energy, color, size, angle)
    if point is not None:
        placing.look_at(made, point)
    return describe.light(made)


@table.command("light.get", effect="read")
def get(call, name):
    return describe.light(names.object_of(name, "LIGHT", "light"))


@table.command("light.set", effect="write")
def set_(
    call,
    name,
    location=None,
    rotation=None,
    look_at=None,
    energy=None,
    color=None,
    size=None,
    angle=None,
    kind=None,
    blend=None,
):
    found = names.object_of(name, "LIGHT", "light")
    becomes = kind.upper() if kind is not None else found.data.type
    _check_spot(becomes, angle, blend)
    point = placing.point_of(look_at, "look_at") if look_at is not None else None
    placing.place(found, location, rotation)
    if kind is not None:
        found.data.type = becomes
    data = found.data.type_recast() if hasattr(found.data, "type_recast") else found.data
    _apply(data, energy, color, size, angle)
    if blend is not None:
        data.spot_blend = blend
    if point is not None:
        placing.look_at(found, point)
    return describe.light(found)


def _check_spot(type, angle, blend):
    if type != "SPOT" and (angle is not None or blend is not None):
        what = "angle" if angle is not None else "blend"
        raise Problem("arguments_invalid", "Only a spot has `%s`." % what, hint="Leave it out, or use kind=spot.")


def _apply(data, energy, color, size, angle):
    if energy is not None:
        data.energy = energy
    if color is not None:
        data.color = color[:3]
    if angle is not None:
        data.spot_size = math.radians(angle)
    if size is None:
        return
    if data.type == "AREA":
        data.size = size
    elif data.type == "SUN":
        data.angle = math.radians(size)
    else:
        data.shadow_soft_size = size / 2.0
