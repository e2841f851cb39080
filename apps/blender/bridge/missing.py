# SPDX-License-Identifier: GPL-3.0-or-later
"""What the open file needs and does not find: libraries, images, films, sounds, fonts, caches, volumes. And
simulations that are not baked, which come out differently on every machine that begins in their middle.

In: the open file. Out: lists of plain dicts. It opens nothing and changes nothing.
"""

import glob
import os
import re

import bpy

from . import path_rules, versions

# Things that are told one by one.
TOLD_MAX = 500
_UDIM = re.compile(r"<(UDIM|UVTILE)>")
# Modifiers that bring a point cache.
_CACHED = ("CLOTH", "SOFT_BODY")


def missing():
    """([{kind, name, path, users}], how many files were looked for)."""
    found, looked = [], 0
    for kind, thing, path in _wanted():
        looked += 1
        if not _is_there(path):
            found.append({"kind": kind, "name": thing.name, "path": path, "users": getattr(thing, "users", 1)})
    return found[:TOLD_MAX], looked


def unbaked():
    """[{kind, name}] of simulations whose frames depend on those before and are not kept."""
    found = []
    for scene in bpy.data.scenes:
        world = scene.rigidbody_world
        if world is not None and world.collection is not None and not _is_baked(world.point_cache):
            found.append({"kind": "rigid bodies", "name": scene.name})
    for one in bpy.data.objects:
        for modifier in one.modifiers:
            if modifier.type in _CACHED and not _is_baked(modifier.point_cache):
                found.append({"kind": modifier.type.lower().replace("_", " "), "name": one.name})
        for system in one.particle_systems:
            moves = system.settings.type == "EMITTER" and system.settings.physics_type != "NO"
            if moves and not _is_baked(system.point_cache):
                found.append({"kind": "particles", "name": one.name})
    return found[:TOLD_MAX]


def _wanted():
    """(kind, thing, absolute path) of every file that is to be there."""
    data = bpy.data
    for library in data.libraries:
        if getattr(library, "packed_file", None) is None:
            yield "library", library, _whole(library.filepath, library)
    for image in data.images:
        reads = image.source in ("FILE", "SEQUENCE", "MOVIE", "TILED")
        if reads and image.filepath and not path_rules.is_packed(image):
            yield "image", image, _whole(image.filepath, image)
    for clip in data.movieclips:
        yield "clip", clip, _whole(clip.filepath, clip)
    for sound in data.sounds:
        if sound.packed_file is None and sound.filepath:
            yield "sound", sound, _whole(sound.filepath, sound)
    for font in data.fonts:
        if font.filepath != "<builtin>" and font.packed_file is None:
            yield "font", font, _whole(font.filepath, font)
    for cache in data.cache_files:
        yield "cache", cache, _whole(cache.filepath, cache)
    for volume in getattr(data, "volumes", ()):
        if volume.filepath:  # packed or not
            yield "volume", volume, _whole(volume.filepath, volume)
    for one in data.objects:
        for modifier in one.modifiers:
            if modifier.type == "MESH_CACHE" and modifier.filepath:
                yield "cache", one, _whole(modifier.filepath, one)
    for scene in data.scenes:
        yield from _of_strips(scene)


def _of_strips(scene):
    if scene.sequence_editor is None:
        return
    for strip in versions.all_strips(scene.sequence_editor):
        if strip.type == "IMAGE":
            folder = _whole(strip.directory, scene)
            for element in strip.elements:
                yield "image", strip, os.path.join(folder, element.filename)
        elif strip.type == "MOVIE":
            yield "film", strip, _whole(strip.filepath, scene)


def _whole(path, owner):
    library = owner if isinstance(owner, bpy.types.Library) else owner.library
    parent = library.parent if isinstance(owner, bpy.types.Library) else library
    return os.path.normpath(bpy.path.abspath(path, library=parent))


def _is_there(path):
    if os.path.exists(path):
        return True
    if _UDIM.search(path):
        parts = [glob.escape(one) for one in re.split(r"<(?:UDIM|UVTILE)>", path)]
        return bool(glob.glob("*".join(parts)))
    return False


def _is_baked(cache):
    return cache.is_baked or cache.use_external
