# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that cannot be mistaken for something else: no line ends and other control characters, and no folders where
a name becomes the name of a file.

In: a name, or things of the file. Out: a plain name. A file that is written line by line would take the rest of such
a name for a line of its own; an exporter that names pictures by their names would write into other folders. One that
copies pictures as they are would write any file under any name, `__init__.py` say, which a program may run: the name
of a picture's file ends like a picture's.
"""

import os
import re
from contextlib import contextmanager

import bpy

from .bridgekit.problem import Problem

# Control characters, line ends of Unicode, and what turns the direction of a text round.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SEPARATORS = re.compile(r"[/\\:]+")
# Collections of bpy.data whose names become names of files in an export.
_FILES = ("images", "volumes", "sounds", "movieclips", "fonts", "cache_files")
# Beginnings of pictures, and the suffix that fits.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"RIFF", ".webp"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"\x76\x2f\x31\x01", ".exr"),
    (b"#?RADIANCE", ".hdr"),
    (b"#?RGBE", ".hdr"),
    (b"DDS ", ".dds"),
    (b"8BPS", ".psd"),
    (b"SDPX", ".dpx"),
    (b"XPDS", ".dpx"),
    (b"\x80\x2a\x5f\xd7", ".cin"),
    (b"\0\0\0\x0cjP  ", ".jp2"),
    (b"\xff\x4f\xff\x51", ".j2c"),
    (b"\x01\xda", ".sgi"),
)
# Of those that begin with nothing of their own, and of what is no picture.
_OTHERWISE = ".tga"
# Sources of images that are read from files.
_OF_FILES = ("FILE", "SEQUENCE", "MOVIE", "TILED")
# Collections of bpy.data that belong to the windows, or are files already.
_NOT_NAMED = ("window_managers", "screens", "workspaces", "libraries")


def plain(name):
    """A name of one line: a space stands for what is no letter. None stays None."""
    return name if name is None else _CONTROL.sub(" ", name).strip() if _CONTROL.search(name) else name


def make_plain(things):
    """Gives things plain names."""
    for one in things:
        if _CONTROL.search(one.name):
            one.name = plain(one.name) or one.bl_rna.identifier


@contextmanager
def while_exporting(by_lines, with_pictures, limited):
    """Plain names for all that is in the file, and names without folders where they become files'; as they were
    afterwards. What is linked keeps its name; where that does harm, arguments_invalid is raised: in a file that is
    written line by line, and for a `limited` caller where it leads into another folder. `with_pictures`: packed files
    are written under their own names, so these are those of pictures."""
    before = []
    try:
        for kind, things in _named():
            for one in [one for one in things if _is_odd(one.name, kind)]:
                if one.library is None:
                    before.append((one, "name", one.name))
                    one.name = _for_file(one.name, kind) or one.bl_rna.identifier
                elif limited or (by_lines and _CONTROL.search(one.name)):
                    raise Problem(
                        "arguments_invalid",
                        "The name %r of a linked %s cannot be exported." % (one.name, one.bl_rna.identifier.lower()),
                        hint="In its own file, %s, rename it to a single line without slashes." % one.library.filepath,
                    )
        for image in bpy.data.images if with_pictures else ():
            for one, attribute, name in _packed_names(image):
                before.append((one, attribute, getattr(one, attribute)))
                setattr(one, attribute, "//" + name)
        yield
    finally:
        for one, attribute, text in reversed(before):
            setattr(one, attribute, text)


def _packed_names(image):
    """[(part, attribute, name)] of what is not named like a picture. The bytes are written under the names of the
    packed files, and the image's own stands in the export."""
    packed = [one for one in image.packed_files if one.packed_file is not None]
    # An image whose "filepath" is set reads its file anew.
    parts = [(image, "filepath_raw", image.filepath_raw), *((one, "filepath", one.filepath) for one in packed)]
    if not packed or all(_is_picture(path) for _part, _attribute, path in parts):
        return []
    suffix = _suffix_of(packed[0].packed_file.data)
    if len(packed) == 1 and image.source != "TILED":  # both are the same file
        name = next((_base(path) for *_, path in parts if _is_picture(path)), None)
        name = name or _for_picture(parts[0][2] or image.name, suffix)
        return [(part, attribute, name) for part, attribute, _path in parts]
    return [(part, attribute, _for_picture(path, suffix)) for part, attribute, path in parts if not _is_picture(path)]


def odd_copies():
    """Images in files that are not named like pictures or films: an export that copies them would write such files."""
    read = [one for one in bpy.data.images if one.source in _OF_FILES and one.filepath and not one.packed_files]
    return [one for one in read if not _is_picture(one.filepath)]


def media():
    """Suffixes of pictures and films, as Blender knows them."""
    return bpy.path.extensions_image | bpy.path.extensions_movie


def _base(path):
    return re.split(r"[/\\]", path)[-1]


def _is_picture(path):
    name = _base(path)
    return name == _plain_base(name) and os.path.splitext(name)[1].lower() in media()


def _for_picture(path, suffix):
    """The whole name stays in front, so that two of them are not made one."""
    return (_plain_base(_base(path)) or "picture") + suffix


def _plain_base(name):
    return _for_file(name, "images").rstrip(". ")


def _suffix_of(data):
    return next((suffix for begin, suffix in _BEGINNINGS if data[: len(begin)] == begin), _OTHERWISE)


def odd_paths():
    """Paths of images with control characters: they would stand in an export as they are."""
    return [one for one in bpy.data.images if _CONTROL.search(one.filepath)]


def _named():
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION" and prop.identifier not in _NOT_NAMED and prop.identifier != "all_ids":
            yield prop.identifier, [*getattr(bpy.data, prop.identifier)]


def _is_odd(name, kind):
    return bool(_CONTROL.search(name)) or (kind in _FILES and bool(_SEPARATORS.search(name)))


def _for_file(name, kind):
    name = plain(name)
    return _SEPARATORS.sub("_", name).lstrip(".") if kind in _FILES else name
