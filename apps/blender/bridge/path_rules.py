# SPDX-License-Identifier: GPL-3.0-or-later
"""What the paths in Blender's data are for: when a path is read or written, and which files it stands for.

In: a part of the data that RNA says has a path (data_paths.py finds them). Out: the `Use`s of it; none where Blender
follows the path only when a person asks for it (an export list, a reload, an unpack). A part that is not described
here reads whatever its path properties name: that is the careful answer for what a newer Blender brings.

A switch that says whether a path is followed counts only where no animation can turn it (RNA's `is_animatable`): a
driver or a key turns the others after the look. Where one can, the path counts as if it were followed.
"""

import itertools
import os
import re
from collections import namedtuple

import bpy

from . import turning, versions

# What becomes of a path. READS: followed when the data is evaluated, drawn, rendered or exported. HANDED: a text that
# arrives at a node, which reads it. CACHES: a folder that evaluation reads, and a simulation writes. OUTPUTS: written
# beside a picture by a render.
READS, HANDED, CACHES, OUTPUTS = "reads", "handed", "caches", "outputs"
FOLLOWED = (READS, HANDED, CACHES)
# `text`: the path as the data has it, or None for one that cannot be told before it is used. `several`: other files of
# the same folder are read as well (a sequence, tiles, a cache).
Use = namedtuple("Use", "kind text several")
# What Blender fills in (4.5 and later): a brace that stands for itself, a name, and a brace that is an error.
_TEMPLATE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# A value that Blender puts into a path as it is.
_PLAIN_VALUE = re.compile(r"[\w][\w .-]*(?<![ .])")
# Paths that one with names in it may become; where there are more, it cannot be told.
FILLED_MAX = 64
# Names of the files that a render's copy has, and of the scene that is rendered in a window.
_COPIES = {"blend_name": "scene", "scene_name": "Kapelle render"}
# Class of a part -> what tells its uses. Classes do not change.
_rules = {}
# What makes a camera a program for Cycles.
CAMERA_PROGRAM = ("custom_filepath", "custom_shader", "custom_bytecode")
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


def is_packed(image):
    """Whether an image is read from the file that it is in. Films and sequences never are, whatever is packed."""
    if image.source == "FILE":
        return image.packed_file is not None
    packed = [one for one in getattr(image, "packed_files", ()) if one.packed_file is not None]
    return image.source == "TILED" and len(packed) >= max(1, len(image.tiles))


def _image(part):
    if not part.filepath or is_packed(part):
        return []
    return [Use(READS, part.filepath, part.source in ("SEQUENCE", "TILED"))]


def _clip(part):
    return [Use(READS, part.filepath, part.source == "SEQUENCE")] if part.filepath else []


def _font(part):
    return [] if part.filepath == "<builtin>" else _unless_packed(part)


def _volume(part):
    """Blender reads it from its place also where it is packed."""
    return [Use(READS, part.filepath, part.is_sequence)] if part.filepath else []


def _cache_file(part):
    """Of Alembic or USD; layers of USD name further files."""
    if os.path.splitext(part.filepath)[1].lower().startswith(".usd"):
        return [Use(READS, None, False)]
    return [Use(READS, part.filepath, part.is_sequence or turning.may_turn("is_sequence"))] if part.filepath else []


def _image_strip(part):
    several = len(part.elements) > 1
    return [Use(READS, _beside(part.directory, one.filename), several) for one in part.elements]


def _proxy(part):
    """Of a strip; read for its preview."""
    return [Use(READS, one, True) for one in (part.directory, part.filepath) if one]


def _clip_proxy(part):
    return [Use(CACHES, part.directory, True)] if part.directory else []


def _script(part):
    """Of an OSL node: a program, which can read any picture by its name."""
    return [Use(READS, None, False)] if part.filepath or part.script is not None or part.bytecode else []


def _ies(part):
    return [Use(READS, part.filepath, False)] if part.filepath else []


def _camera(part):
    """One that is a program for Cycles, of 4.5 and later."""
    return [Use(READS, None, False)] if has_program(part) else []


def has_program(camera):
    """Whether a camera has a program, used or not."""
    return any(getattr(camera, name, None) for name in CAMERA_PROGRAM)


def _brush(part):
    return [Use(READS, part.icon_filepath, False)] if part.icon_filepath else []


def _multires(part):
    return [Use(READS, part.filepath, False)] if part.is_external and part.filepath else []


def _ocean(part):
    return [Use(CACHES, part.filepath, True)] if part.is_cached and part.filepath else []


def _point_cache(part):
    """The files of a cache are named by the cache, where it has a name."""
    found = []
    if part.filepath:
        found.append(Use(READS, part.filepath, True))
    elif part.use_external:
        found.append(Use(READS, None, False))
    if _separates(part.name):
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
    known = _names_of(part) if any("{" in one or "}" in one for one in paths) else {}
    found = {text: None for one in dict.fromkeys(paths) if one for text in filled_in(one, known)}
    return [Use(OUTPUTS, one, False) for one in found]


def _names_of(node):
    """{what may stand in braces: [values]}; which scene and camera it will be is not known."""
    of_file = os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "Unsaved"
    found = {
        "node_name": [node.name],
        "blend_name": [of_file],
        "scene_name": [one.name for one in bpy.data.scenes],
        "camera_name": [one.name for one in bpy.data.objects if one.type == "CAMERA"],
    }
    for name, value in _COPIES.items():
        found[name].append(value)
    return found


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


def filled_in(text, known):
    """All that Blender may make of a path, for the values that are known; [None] where that cannot be told."""
    if not versions.fills_in_paths():
        return [text]
    if text.startswith("{blend_dir}") and text[11:12] in ("", "/", "\\"):
        text = "//" + text[12:]
    parts, end = [], 0
    for found in _TEMPLATE.finditer(text):
        parts.append([text[end : found.start()]])
        end = found.end()
        if found.group() in ("{{", "}}"):
            parts.append([found.group()[0]])
            continue
        values = known.get(found.group(1))
        if not values or not all(map(_PLAIN_VALUE.fullmatch, values)):
            return [None]
        parts.append(values)
    parts.append([text[end:]])
    several = ["".join(one) for one in itertools.islice(itertools.product(*parts), FILLED_MAX + 1)]
    return several if len(several) <= FILLED_MAX else [None]


def _beside(folder, name):
    return os.path.join(folder, name.lstrip("/\\")) if folder else name


def _separates(name):
    return "/" in name or "\\" in name
