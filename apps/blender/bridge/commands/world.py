# SPDX-License-Identifier: GPL-3.0-or-later
"""world.*: what is around the scene and lights it."""

import bpy

from .. import host, names, skies, surfaces, versions
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("world.get", effect="read")
def get(call, name=None):
    if name is not None:
        return skies.describe(names.find(bpy.data.worlds, "world", name))
    world = bpy.context.scene.world
    if world is None:
        raise Problem("not_found", "The scene has no world.", hint="world.set creates one.")
    return skies.describe(world)


@table.command("world.set", effect="write")
def set_(
    call,
    name=None,
    color=None,
    strength=None,
    image=None,
    rotation=None,
    sky=False,
    sun_elevation=None,
    sun_rotation=None,
    sun_strength=None,
):
    sun = [one for one in (sun_elevation, sun_rotation, sun_strength) if one is not None]
    if sum((color is not None, image is not None, sky)) > 1:
        raise Problem(
            "arguments_invalid",
            "A world has a colour, an image or a sky, only one of them.",
            hint="Leave out the others.",
        )
    if all(one is None for one in (color, strength, image, rotation, *sun)) and not sky:
        raise Problem("arguments_invalid", "There is nothing to change.", hint="Pass `color`, `image` or the like.")
    scene = bpy.context.scene
    found = names.find(bpy.data.worlds, "world", name) if name is not None else scene.world
    if sun and not sky and (found is None or not skies.has_sky(found)):
        raise Problem("arguments_invalid", "The world has no sky whose sun could move.", hint="Pass sky=true as well.")
    if rotation is not None and image is None and (found is None or "image" not in skies.describe(found)):
        raise Problem("arguments_invalid", "The world has no image to turn.", hint="Pass `image` as well.")
    picture = surfaces.image(call, image) if image is not None else None
    if found is None:
        found = scene.world = bpy.data.worlds.new("World")
    if color is not None:
        skies.set_color(found, color)
    if picture is not None:
        skies.set_image(found, picture)
    if sky or sun:
        skies.set_sky(found, sun_elevation, sun_rotation, sun_strength)
    if rotation is not None:
        skies.turn(found, rotation)
    if strength is not None:
        versions.background(found).inputs["Strength"].default_value = strength
    found.update_tag()
    host.current().changed("world", found.name)
    return skies.describe(found)
