# SPDX-License-Identifier: MIT OR Apache-2.0
"""The add-on as people get it: one zip, installed and enabled in a folder that stands for a person's settings; from
Blender 4.2 on as an extension, before that as an add-on.

In: the repository's files. Out: a zip as `kapelle install blender` makes it, and settings in which it is enabled.
"""

import json
import os
import subprocess
import zipfile
from pathlib import Path

from assemble import assemble
from program_version import has_extensions
from window import profile_environment

FOLDER = "kapelle"
EXTENSION = "bl_ext.user_default." + FOLDER
RUN_S = 120
CLEAN = ("KAPELLE_HOME", "KAPELLE_LAUNCH", "KAPELLE_NAME", "KAPELLE_FOLDERS", "KAPELLE_CHILD", "PYTHONPATH", "PYTHONHOME")
INSTALL = """
import bpy
if %(module)r.startswith("bl_ext."):
    bpy.ops.extensions.package_install_files(filepath=%(zip)r, repo="user_default", enable_on_install=True)
else:
    bpy.ops.preferences.addon_install(filepath=%(zip)r, overwrite=True)
    bpy.ops.preferences.addon_enable(module=%(module)r)
assert %(module)r in bpy.context.preferences.addons, "it was not enabled"
for name, value in %(settings)r.items():
    setattr(bpy.context.preferences.addons[%(module)r].preferences, name, value)
bpy.ops.wm.save_userpref()
"""


def make_zip(folder):
    """Writes kapelle.zip into `folder` and returns its path: a 3.x add-on and a 4.2 extension in one."""
    package = assemble(folder)
    path = Path(folder) / "kapelle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for one in sorted(package.rglob("*")):
            if one.suffix in (".py", ".toml") or one.name.startswith("LICENSE"):
                file.write(one, FOLDER + "/" + one.relative_to(package).as_posix())
    return path


def environment(profile, home=None, **more):
    """For a Blender with those settings. `home` is Kapelle's."""
    told = {name: value for name, value in os.environ.items() if name not in CLEAN}
    told.update(profile_environment(profile), PATH="/usr/local/bin:/usr/bin:/bin", PYTHONUNBUFFERED="1")
    if home is not None:
        told["KAPELLE_HOME"] = str(home)
    told.update(more)
    return told


def run(program, profile, code, home=None, options=(), **more):
    """Runs code in that Blender in background; returns what it printed. Raises AssertionError when it failed."""
    command = [program, "-b", "-noaudio", *options, "--python-exit-code", "9", "--python-expr", code]
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=RUN_S, env=environment(profile, home, **more), check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def module_of(program):
    """What Kapelle's add-on is called in that Blender."""
    return EXTENSION if has_extensions(program) else FOLDER


def install(program, profile, path, module=None, **settings):
    """Installs and enables the add-on `module` (else Kapelle's) of that zip, with these preferences."""
    told = {"zip": str(path), "module": module or module_of(program), "settings": settings}
    return run(program, profile, INSTALL % told)


def told_by(output):
    """The JSON of the line that code printed with a mark before it."""
    return json.loads(next(line for line in output.splitlines() if line.startswith("TOLD ")).partition(" ")[2])
