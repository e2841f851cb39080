# SPDX-License-Identifier: GPL-3.0-or-later
"""What the paths in Blender's data are for: when a path is read or written, and which files it stands for.

In: a part of the data that RNA says has a path (data_paths.py finds them). Out: the `Use`s of it; none where Blender
follows the path only when a person asks for it (an export list, a reload, an unpack). A part that is not described
here reads whatever its path properties name: that is the careful answer for what a newer Blender brings.
"""

import os
import re
from collections import namedtuple

# What becomes of a path. READS: followed when the data is evaluated, drawn, rendered or exported. HANDED: a text that
# arrives at a node, which reads it. CACHES: a folder that evaluation reads, and a simulation writes. OUTPUTS: written
# beside a picture by a render.
READS, HANDED, CACHES, OUTPUTS = "reads", "handed", "caches", "outputs"
FOLLOWED = (READS, HANDED, CACHES)
# `text`: the path as the data has it, or None for one that cannot be told before it is used. `several`: other files of
# the same folder are read as well (a sequence, tiles, a cache).
Use = namedtuple("Use", "kind text several")
# What may stand in a path and is filled in by Blender (4.5 and later); a value never holds a separator, but for the
# folder of the file.
_TEMPLATE = re.compile(r"\{[^{}]*\}")
# Class of a part -> what tells its uses. Classes do not change.
_rules = {}
_SUBTYPES = ("FILE_PATH", "DIR_PATH", "FILE_NAME", "FILENAME")


def uses(part):
    """[Use] of one part of the data."""
    kind = type(part)
    if kind not in _rules:
        _rules[kind] = _rule_of(kind.bl_rna)
    return _rules[kind](part)


def is_path(prop):
    """Whether RNA marks a property as the path of a file or a folder."""
    return prop.type == "STRING" and prop.subtype in _SUBTYPES


def has_uses(rna):
    """Whether a part of that type may have any."""
    return _rule_of(rna) is not _nothing


def _rule_of(rna):
    base = rna
    while base is not None:
        if base.identifier in RULES:
            return RULES[base.identifier]
        base = base.base
    return _whatever([prop.identifier for prop in rna.properties if is_path(prop)])


def _whatever(names):
    """For a type without a rule: its path properties, all read."""

    def found(part):
        return [Use(READS, text, False) for text in [getattr(part, name) for name in names] if text]

    return found if names else _nothing


def _plain(kind=READS, name="filepath", several=False):
    """A path that is always followed."""

    def found(part):
        text = getattr(part, name)
        return [Use(kind, text, several)] if text else []

    return found


def _nothing(part):
    return []


def _unless_packed(part):
    return [] if part.packed_file is not None or not part.filepath else [Use(READS, part.filepath, False)]


def _library(part):
    packed = getattr(part, "packed_file", None) is not None or getattr(part, "is_archive", False)
    return [] if packed or not part.filepath else [Use(READS, part.filepath, False)]


def _image(part):
    if part.source not in ("FILE", "SEQUENCE", "MOVIE", "TILED") or not part.filepath:
        return []
    wanted = len(part.tiles) if part.source == "TILED" else 1
    if len(getattr(part, "packed_files", ())) >= wanted or (wanted == 1 and part.packed_file is not None):
        return []
    return [Use(READS, part.filepath, part.source in ("SEQUENCE", "TILED"))]


def _clip(part):
    return [Use(READS, part.filepath, part.source == "SEQUENCE")] if part.filepath else []


def _font(part):
    return [] if part.filepath == "<builtin>" else _unless_packed(part)


def _volume(part):
    return [Use(*one[:2], part.is_sequence) for one in _unless_packed(part)]


def _cache_file(part):
    """Of Alembic or USD; layers of USD name further files."""
    if os.path.splitext(part.filepath)[1].lower().startswith(".usd"):
        return [Use(READS, None, False)]
    return [Use(READS, part.filepath, part.is_sequence)] if part.filepath else []


def _image_strip(part):
    several = len(part.elements) > 1
    return [Use(READS, _beside(part.directory, one.filename), several) for one in part.elements]


def _proxy(part):
    """Of a strip; read for its preview."""
    if not (part.use_proxy_custom_directory or part.use_proxy_custom_file):
        return []
    return [Use(READS, one, True) for one in (part.directory, part.filepath) if one]


def _clip_proxy(part):
    return [Use(CACHES, part.directory, True)] if part.directory else []


def _script(part):
    """Of an OSL node: a program, which can read any picture by its name."""
    return [Use(READS, None, False)] if part.filepath or part.script is not None or part.bytecode else []


def _ies(part):
    return [Use(READS, part.filepath, False)] if part.mode == "EXTERNAL" and part.filepath else []


def _camera(part):
    """One that is a program for Cycles, of 4.5 and later."""
    is_program = part.type == "CUSTOM" and (part.custom_filepath or part.custom_shader is not None)
    return [Use(READS, None, False)] if is_program else []


def _brush(part):
    return [Use(READS, part.icon_filepath, False)] if part.use_custom_icon and part.icon_filepath else []


def _multires(part):
    return [Use(READS, part.filepath, False)] if part.is_external and part.filepath else []


def _ocean(part):
    return [Use(CACHES, part.filepath, True)] if part.is_cached and part.filepath else []


def _point_cache(part):
    """The files of a cache are named by the cache, where it has a name."""
    found = []
    if part.use_external:
        found.append(Use(READS, part.filepath, True) if part.filepath else Use(READS, None, False))
    if (part.use_external or part.use_disk_cache) and _separates(part.name):
        found.append(Use(CACHES, None, False))
    return found


def _view(part):
    """Stands in the middle of the names of pictures."""
    names = (part.file_suffix, part.camera_suffix)
    return [Use(READS, None, False)] if any(map(_separates, names)) else []


def _file_output(part):
    """A File Output node: a folder and the names of its files in it; 5.0 and later have other names for them."""
    if hasattr(part, "base_path"):
        folder, first = part.base_path, ""
        names = [one.path for one in part.file_slots]
    else:
        folder, first = part.directory, part.file_name
        names = [one.name for one in part.file_output_items]
    paths = [folder, _beside(folder, first)]
    paths += [_beside(folder, first + one) for one in names] + [_beside(folder, one) for one in names]
    return [Use(OUTPUTS, filled_in(one), False) for one in dict.fromkeys(paths) if one]


# By the name of a type, its kinds included.
RULES = {
    "BakeSettings": _nothing,  # nothing here bakes textures; each bake would name its own file
    "Brush": _brush,
    "CacheFile": _cache_file,
    "CacheFileLayer": _plain(),
    "Camera": _camera,
    "CollectionExport": _nothing,  # written only when somebody runs its exporters
    "CompositorNodeOutputFile": _file_output,
    "DynamicPaintSurface": _nothing,  # a bake writes there, and nothing here bakes it
    "FluidDomainSettings": _plain(CACHES, "cache_directory", True),
    "Image": _image,
    "ImagePackedFile": _nothing,  # where an unpack would write
    "ImageSequence": _image_strip,
    "ImageStrip": _image_strip,
    "Library": _library,
    "LibraryWeakReference": _nothing,  # where something came from
    "MeshCacheModifier": _plain(),
    "MovieClip": _clip,
    "MovieClipProxy": _clip_proxy,
    "MovieSequence": _plain(),
    "MovieStrip": _plain(),
    "MultiresModifier": _multires,
    "NodesModifier": _plain(CACHES, "bake_directory", True),
    "NodesModifierBake": _plain(CACHES, "directory", True),
    "NodeSocketStringFilePath": _nothing,  # node_paths.py follows those that a node reads
    "NodeTreeInterfaceSocketStringFilePath": _nothing,
    "OceanModifier": _ocean,
    "PointCache": _point_cache,
    "PointCacheItem": _point_cache,
    "RenderSettings": _nothing,  # every render of ours has a path of its own
    "SceneRenderView": _view,
    "SequenceEditor": _plain(CACHES, "proxy_dir", True),
    "SequenceElement": _nothing,  # with its strip
    "SequenceProxy": _proxy,
    "ShaderNodeScript": _script,
    "ShaderNodeTexIES": _ies,
    "Sound": _unless_packed,
    "StripElement": _nothing,
    "StudioLight": _nothing,  # of the preferences
    "StripProxy": _proxy,
    "VectorFont": _font,
    "Volume": _volume,
    "VolumeGrids": _nothing,  # with its volume
}


def filled_in(text):
    """A path with something in place of what Blender fills in."""
    return _TEMPLATE.sub("x", text.replace("{blend_dir}", "//"))


def _beside(folder, name):
    return os.path.join(folder, name.lstrip("/\\")) if folder else name


def _separates(name):
    return "/" in name or "\\" in name
