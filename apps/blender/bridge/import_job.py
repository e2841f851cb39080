# SPDX-License-Identifier: GPL-3.0-or-later
"""What a confined child does with a file to import (see confined_import.py): reads it, packs it, saves it as a .blend.

In: a job {"path", "format", "options", "folder"}. Out: MADE in that folder, and {"left_out"}. Nothing in the saved file
names another file any more: what can be packed is, under its bare name; what cannot is left out and told. It holds no
text and no driver.
"""

import os

import bpy

from . import formats

# The file that it makes. Who asked knows the name, and takes no other from a child.
MADE = "packed.blend"
# Things left out that are told one by one.
TOLD_MAX = 20


def run(job, say):
    """Does the job. Raises what the importer raises."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    kind = formats.of_path(job["path"], job["format"])
    if not kind.can_read:
        raise formats.cannot(kind, "import")
    kind.read(job["path"], **job["options"])
    left_out = _images() + _packable("sounds", "sound") + _packable("fonts", "font")
    left_out += _caches() + _removed("volumes", "volume") + _removed("movieclips", "film")
    for name in ("texts", "libraries"):
        _clear(getattr(bpy.data, name))
    _drop_drivers()
    made = os.path.join(job["folder"], MADE)
    bpy.ops.wm.save_as_mainfile(filepath=made, check_existing=False, compress=False)
    more = len(left_out) - TOLD_MAX
    return {"left_out": left_out[:TOLD_MAX] + (["%d more" % more] if more > 0 else [])}


def _images():
    left_out = []
    for image in list(bpy.data.images):
        if image.source not in ("FILE", "TILED") or not _pack(image):
            if image.source in ("GENERATED", "VIEWER"):
                continue
            left_out.append("the picture %s" % _name(image))
            bpy.data.images.remove(image)
    return left_out


def _packable(collection, title):
    left_out = []
    every = getattr(bpy.data, collection)
    for one in list(every):
        if one.filepath not in ("", "<builtin>") and not _pack(one):
            left_out.append("the %s %s" % (title, _name(one)))
            every.remove(one)
    return left_out


def _pack(one):
    if one.packed_file is None:
        try:
            one.pack()
        except RuntimeError:
            return False
    if one.packed_file is None:
        return False
    # The packed bytes are what is used; where they came from is nobody's business. An image whose "filepath" is set
    # reads the file of that name anew.
    name = os.path.basename(bpy.path.abspath(one.filepath).replace("\\", "/"))
    setattr(one, "filepath_raw" if isinstance(one, bpy.types.Image) else "filepath", name)
    return True


def _caches():
    """Geometry that would be read from the file at every frame: what it is now stays."""
    left_out = ["the animation in %s" % _name(one) for one in bpy.data.cache_files]
    for holder in bpy.data.objects:
        for modifier in [one for one in holder.modifiers if one.type == "MESH_SEQUENCE_CACHE"]:
            holder.modifiers.remove(modifier)
        for constraint in [one for one in holder.constraints if one.type == "TRANSFORM_CACHE"]:
            placed = holder.matrix_world.copy()
            holder.constraints.remove(constraint)
            holder.matrix_world = placed
    _clear(bpy.data.cache_files)
    return left_out


def _removed(collection, title):
    every = getattr(bpy.data, collection)
    left_out = ["the %s %s" % (title, _name(one)) for one in every]
    _clear(every)
    return left_out


def _clear(every):
    # Some collections (of cached files, say) only let go of what nobody uses.
    for one in list(every):
        if hasattr(every, "remove"):
            every.remove(one)
        else:
            bpy.data.batch_remove([one])


def _drop_drivers():
    for group in bpy.data.bl_rna.properties:
        if group.type != "COLLECTION":
            continue
        for one in getattr(bpy.data, group.identifier):
            animation = getattr(one, "animation_data", None)
            for driver in list(animation.drivers) if animation is not None else ():
                animation.drivers.remove(driver)


def _name(one):
    return os.path.basename(one.filepath.replace("\\", "/")) or one.name
