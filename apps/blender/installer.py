# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Kapelle's add-on in the Blender that runs this, takes it out, or lets it connect for a look.

    blender --background --python installer.py -- install ADDON.zip HOME
    blender --background --python installer.py -- remove
    blender --background --python installer.py -- wait
    python installer.py -- …                          the same, in a Python with the `bpy` wheel

From 4.2 on it is an extension, before that an add-on of the old kind. Out: one line, MARK and a JSON document. A wheel
starts with factory settings and so never saves preferences: it would overwrite those of the real Blender of its version.
`wait` blocks until its stdin is closed.
"""

import importlib
import json
import os
import shutil
import sys
import traceback

import bpy

# A wheel has it only once bpy is imported.
addon_utils = importlib.import_module("addon_utils")

MARK = "KAPELLE-TOLD "
NAME = "kapelle"
REPOSITORY = "user_default"
IS_MODULE = not bpy.app.binary_path
HAS_EXTENSIONS = bpy.app.version >= (4, 2, 0)
MODULE = "bl_ext.%s.%s" % (REPOSITORY, NAME) if HAS_EXTENSIONS else NAME


def main():
    what, *words = sys.argv[sys.argv.index("--") + 1 :]
    code = 0
    try:
        told = {"install": install, "remove": remove, "wait": wait}[what](*words)
    except Exception as error:
        traceback.print_exc()
        told, code = {"error": str(error).strip() or type(error).__name__}, 1
    tell(told)
    if what == "wait":
        sys.stdin.read()
    # A wheel hangs or crashes in its own clean-up, and nothing is left to be saved.
    os._exit(code)


def tell(told):
    told = dict({"module": MODULE, "blender": bpy.app.version_string}, **told)
    print("\n" + MARK + json.dumps(told), flush=True)
    sys.stderr.flush()


def install(path, home):
    if HAS_EXTENSIONS:
        remove_legacy()  # or it would be a second bridge in the same Blender
        done = bpy.ops.extensions.package_install_files(
            filepath=path, repo=REPOSITORY, enable_on_install=True, overwrite=True
        )
    else:
        done = bpy.ops.preferences.addon_install(filepath=path, overwrite=True)
    if "FINISHED" not in done:
        raise RuntimeError("Blender did not install it: %s" % ", ".join(done))
    if not addon_utils.check(MODULE)[1]:
        bpy.ops.preferences.addon_enable(module=MODULE)
    if not addon_utils.check(MODULE)[1]:
        raise RuntimeError("the add-on was installed and cannot be switched on; its error is in the output")
    set_home(home)
    save_preferences()
    return {"path": os.path.dirname(sys.modules[MODULE].__file__)}


def remove():
    removed = False
    if HAS_EXTENSIONS and MODULE in [one.__name__ for one in addon_utils.modules(refresh=True)]:
        repositories = list(bpy.context.preferences.extensions.repos)
        at = [one.module for one in repositories].index(REPOSITORY)
        bpy.ops.extensions.package_uninstall(repo_index=at, pkg_id=NAME)
        removed = True
    removed = remove_legacy() or removed
    if removed:
        save_preferences()
    return {"removed": removed}


def wait():
    """The add-on connects if it is switched on; in a wheel, where nothing is, for this time."""
    if IS_MODULE:
        addon_utils.enable(MODULE, default_set=False)
    return {"enabled": bool(addon_utils.check(MODULE)[1])}


def remove_legacy():
    """By hand: Blender's own operator wants a window."""
    for one in addon_utils.modules(refresh=True):
        if one.__name__ == NAME:
            bpy.ops.preferences.addon_disable(module=NAME)
            shutil.rmtree(os.path.dirname(one.__file__))
            addon_utils.modules_refresh()
            return True
    return False


def set_home(home):
    """Where the hub is looked for; empty: in the usual place."""
    settings = bpy.context.preferences.addons[MODULE].preferences
    if hasattr(settings, "home"):
        settings.home = home


def save_preferences():
    if not IS_MODULE:
        bpy.ops.wm.save_userpref()


main()
