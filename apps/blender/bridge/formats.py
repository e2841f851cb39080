# SPDX-License-Identifier: GPL-3.0-or-later
"""File formats: what the running Blender can read and write, and with which operator.

In: a format or a path. Out: a `Format` with the operators that exist here. Whether an operator exists is asked
each time, because add-ons come and go. It runs nothing by itself.
"""

import errno
import os

from . import names, versions
from .bridgekit.problem import Problem

# Format -> (what people call it, suffixes; the first one is written).
FORMATS = {
    "glb": ("glTF binary", (".glb",)),
    "gltf": ("glTF with separate files", (".gltf",)),
    "obj": ("Wavefront OBJ", (".obj",)),
    "stl": ("STL", (".stl",)),
    "ply": ("Stanford PLY", (".ply",)),
    "fbx": ("FBX", (".fbx",)),
    "usd": ("Universal Scene Description", (".usd", ".usdc", ".usda", ".usdz")),
    "alembic": ("Alembic", (".abc",)),
    "blend": ("Blender file", (".blend",)),
}

# Format -> operators that read it, the better one first. "blend" is read by bpy.data.libraries.
_READERS = {
    "glb": ("import_scene.gltf",),
    "gltf": ("import_scene.gltf",),
    "obj": ("wm.obj_import", "import_scene.obj"),
    "stl": ("wm.stl_import", "import_mesh.stl"),
    "ply": ("wm.ply_import", "import_mesh.ply"),
    "fbx": ("wm.fbx_import", "import_scene.fbx"),
    "usd": ("wm.usd_import",),
    "alembic": ("wm.alembic_import",),
}

# Format -> ((operator, options, option for "selected only", option for "apply modifiers"), …).
_WRITERS = {
    "glb": (("export_scene.gltf", {"export_format": "GLB"}, "use_selection", "export_apply"),),
    "gltf": (("export_scene.gltf", {"export_format": "GLTF_SEPARATE"}, "use_selection", "export_apply"),),
    "obj": (
        ("wm.obj_export", {}, "export_selected_objects", "apply_modifiers"),
        ("export_scene.obj", {}, "use_selection", "use_mesh_modifiers"),
    ),
    "stl": (
        ("wm.stl_export", {}, "export_selected_objects", "apply_modifiers"),
        ("export_mesh.stl", {}, "use_selection", "use_mesh_modifiers"),
    ),
    "ply": (
        ("wm.ply_export", {}, "export_selected_objects", "apply_modifiers"),
        ("export_mesh.ply", {}, "use_selection", "use_mesh_modifiers"),
    ),
    "fbx": (("export_scene.fbx", {}, "use_selection", "use_mesh_modifiers"),),
    "usd": (("wm.usd_export", {}, "selected_objects_only", None),),
    "alembic": (("wm.alembic_export", {"as_background_job": False}, "selected", None),),
}

# Formats whose writer puts pictures beside its file, and names them by the files they came from.
WITH_PICTURES = ("gltf", "usd")
# Those that write them unchanged, with the suffix that they had.
COPYING = ("usd",)

# Files that a format writes beside the named one.
BESIDE = {"obj": (".mtl",), "gltf": (".bin",)}


class Format:
    """One format as the running Blender has it. `reader`, `writer`: an operator's name or None."""

    def __init__(self, name):
        self.name = name
        self.title, self.suffixes = FORMATS[name]
        self.reader = next((one for one in _READERS.get(name, ()) if versions.operator(one)), None)
        self.writing = next((one for one in _WRITERS.get(name, ()) if versions.operator(one[0])), None)
        self.why = None
        if name in ("glb", "gltf") and self.reader and versions.gltf_import_is_broken():
            self.reader = None
            self.why = "the glTF importer of Blender %s does not work with the installed numpy" % versions.text()

    @property
    def can_read(self):
        return self.name == "blend" or self.reader is not None

    @property
    def can_write(self):
        return self.name == "blend" or self.writing is not None

    def told(self):
        """One row of file.formats."""
        row = {
            "format": self.name,
            "title": self.title,
            "suffixes": list(self.suffixes),
            "import": self.can_read,
            "export": self.can_write,
        }
        if self.why:
            row["why"] = self.why
        return row

    def read(self, path, **options):
        """Runs the reader. Raises RuntimeError with what it reported."""
        _run(self.reader, path, options)

    def write(self, path, selected, modifiers):
        """Runs the writer. Raises RuntimeError with what it reported."""
        idname, options, only, apply = self.writing
        options = dict(options, check_existing=False)
        options[only] = selected
        if apply is not None:
            options[apply] = modifiers
        _run(idname, path, options)


def of_path(path, name=None):
    """The Format by its name, or by the path's suffix. Raises arguments_invalid."""
    if name is not None:
        if name not in FORMATS:
            raise Problem("arguments_invalid", "There is no format %r." % name, hint=names.near(name, FORMATS))
        return Format(name)
    suffix = os.path.splitext(str(path))[1].lower()
    for one, (_title, suffixes) in FORMATS.items():
        if suffix in suffixes:
            return Format(one)
    raise Problem(
        "arguments_invalid",
        "The suffix %r does not say which format to use." % suffix if suffix else "The path has no suffix.",
        hint="Suffixes: %s. Or pass `format`." % ", ".join(s for _t, several in FORMATS.values() for s in several),
    )


def failed(what, error):
    """The Problem for what Blender or the system reported."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Problem("disk_full", "%s: the disk is full." % what, retryable=True)
    said = str(error).strip()
    said = said[len("Error: ") :] if said.startswith("Error: ") else said
    return Problem("call_failed", "%s: %s" % (what, said.splitlines()[-1] if said else type(error).__name__))


def everything():
    """All formats."""
    return [Format(name) for name in FORMATS]


def cannot(found, doing):
    """The Problem `not_supported`, with the formats that this Blender can read or write."""
    able = [one.name for one in everything() if (one.can_read if doing == "import" else one.can_write)]
    because = found.why or "it has no operator for it"
    return Problem(
        "not_supported",
        "This Blender (%s) cannot %s %s: %s." % (versions.text(), doing, found.title, because),
        hint="It can %s: %s." % (doing, ", ".join(able)),
    )


def _run(idname, path, options):
    operator = versions.operator(idname)
    known = {one.identifier for one in operator.get_rna_type().properties}
    ended = operator(filepath=path, **{key: value for key, value in options.items() if key in known})
    if "FINISHED" not in ended:
        raise RuntimeError("%s was cancelled" % idname)
