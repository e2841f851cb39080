# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the bridge in a Blender that the hub, a test or a person launches.

    blender -b [F.blend] --python boot.py [-- --file F.blend]     blocks until it should leave
    python boot.py [F.blend | --file F.blend] [--scripts]         the same, in a Python with the `bpy` wheel
    blender [F.blend] --python boot.py                            with a window: starts the timer and comes back

A file of ours (not one that Blender opens by itself) is opened without running scripts in it, but for `--scripts`.
Exit code 3: it could not be opened.
The environment: KAPELLE_HOME, KAPELLE_NAME (the name it asks for), KAPELLE_LAUNCH (the hub started it), KAPELLE_FOLDERS
(what callers may use until a hub says so, see bridgekit/configured.py), KAPELLE_DIRECT (a port: the direct mode
without a hub, see direct.py).
"""

import importlib
import importlib.util
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXIT_FILE = 3


def main():
    package = _import_package()
    import bpy

    if not bpy.app.background:
        package.register()
        return
    of_module = not bpy.app.binary_path
    path = _file(of_module)
    if path is not None:
        _open(bpy, path, scripts=of_module and "--scripts" in sys.argv)
    _block(bpy)


def _import_package():
    # The folder itself must not be on the path: its modules would hide others of the same name. The one above may not
    # be readable.
    sys.path[:] = [one for one in sys.path if os.path.abspath(one or ".") != HERE]
    name = os.path.basename(HERE)
    found = importlib.util.spec_from_file_location(
        name, os.path.join(HERE, "__init__.py"), submodule_search_locations=[HERE]
    )
    package = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(package)
    return package


def _block(bpy):
    name = os.path.basename(HERE)
    serve = importlib.import_module(name + ".bridgekit.serve")
    commands = importlib.import_module(name + ".commands")
    blender_host = importlib.import_module(name + ".host")
    announcement = importlib.import_module(name + ".announcement").Announcement()
    links = []

    def instance():
        return (links[0].status()["instance"] if links else None) or os.environ.get("KAPELLE_NAME")

    host = blender_host.BlenderHost(instance, announcement.note)
    host.install()
    table = commands.load(host)
    direct = importlib.import_module(name + ".direct")
    port = direct.wanted()
    if port is not None:
        reason = direct.run_background(table, host, port, announcement.told, links)
    else:
        reason = _serve(serve, table, host, announcement, links)
    host.remove()
    _leave(bpy, announcement, reason)


def _serve(serve, table, host, announcement, links):
    return serve.run_background(
        "blender", table, host, announcement.told, ready=lambda executor, link: links.append(link)
    )


def _leave(bpy, announcement, reason):
    print("Kapelle: exited because %s" % reason, flush=True)
    if announcement.mode == "module":
        # The wheel hangs or crashes in its own clean-up when a timer or a class is still registered. What it would
        # have done besides: remove its folder of temporary files.
        if os.path.basename(os.path.normpath(bpy.app.tempdir)).startswith("blender_"):
            shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
        sys.stderr.flush()
        os._exit(0)


def _open(bpy, path, scripts):
    try:
        bpy.ops.wm.open_mainfile(filepath=os.path.abspath(path), load_ui=False, use_scripts=scripts)
    except RuntimeError as error:
        print("Kapelle: %s could not be opened: %s" % (path, str(error).strip()), file=sys.stderr, flush=True)
        os._exit(EXIT_FILE)


def _file(of_module):
    """The file that was asked for, or None. The program's own arguments stand before `--`, and are Blender's."""
    mine = sys.argv[1:] if of_module else []
    if "--" in sys.argv:
        mine = sys.argv[sys.argv.index("--") + 1 :]
    if "--file" in mine[:-1]:
        return mine[mine.index("--file") + 1]
    return mine[0] if mine and not mine[0].startswith("-") else None


if __name__ == "__main__":
    main()
