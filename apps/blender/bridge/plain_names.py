# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that cannot be mistaken for something else: no line ends and other control characters, and no folders where
a name becomes the name of a file.

In: a name, or things of the file. Out: a plain name. A file that is written line by line would take the rest of such
a name for a line of its own; an exporter that names pictures by their names would write into other folders.
"""

import re
from contextlib import contextmanager

import bpy

from .bridgekit.problem import Problem

# Control characters, line ends of Unicode, and what turns the direction of a text round.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SEPARATORS = re.compile(r"[/\\:]+")
# Collections of bpy.data whose names become names of files in an export.
_FILES = ("images", "volumes", "sounds", "movieclips", "fonts", "cache_files")
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
def while_exporting(by_lines, limited):
    """Plain names for all that is in the file, and names without folders where they become files'; as they were
    afterwards. What is linked keeps its name; where that does harm, arguments_invalid is raised: in a file that is
    written line by line, and for a `limited` caller where it leads into another folder."""
    before = []
    try:
        for kind, things in _named():
            for one in [one for one in things if _is_odd(one.name, kind)]:
                if one.library is None:
                    before.append((one, one.name))
                    one.name = _for_file(one.name, kind) or one.bl_rna.identifier
                elif limited or (by_lines and _CONTROL.search(one.name)):
                    raise Problem(
                        "arguments_invalid",
                        "The name %r of a linked %s cannot be exported." % (one.name, one.bl_rna.identifier.lower()),
                        hint="In its own file, %s, rename it to a single line without slashes." % one.library.filepath,
                    )
        yield
    finally:
        for one, name in reversed(before):
            one.name = name


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
