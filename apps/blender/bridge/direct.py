# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct mode in Blender: the commands that clients of other add-ons of this field call, by their names.

In: a port, from KAPELLE_DIRECT. Out: a listener on loopback (bridgekit/direct.py has the dialects). Each name is put
into one command of ours and the value into the form that published clients read. There is no token in these
dialects: who reaches the port runs code, and the first line says so.
"""

import base64
import os
import sys

import bpy

from . import describe, versions
from .bridgekit import direct, serve
from .bridgekit.link import Link
from .bridgekit.problem import Problem
from .recent import Noting, Recent

# Objects in one answer, as other add-ons bound it; an agent reads them all.
OBJECTS_MAX = 100
# Exit code of a process that cannot listen.
EXIT_PORT = 3
_KINDS = {"uv_sphere": "sphere", "icosphere": "ico_sphere", "suzanne": "monkey", "circle_mesh": "circle"}
_KNOWN_KINDS = frozenset(
    (
        "cube", "sphere", "ico_sphere", "cylinder", "cone", "torus", "plane", "grid", "circle", "monkey", "empty",
        "text", "curve", "camera",
    )
)  # fmt: skip
_LIGHTS = {
    "point": "point", "sun": "sun", "spot": "spot", "area": "area", "point_light": "point", "sun_light": "sun",
    "spot_light": "spot", "area_light": "area", "lamp": "point",
}  # fmt: skip
# What published clients send with a mesh and has no meaning here.
_LAYOUT = frozenset(("align", "mode", "generate_uvs", "minor_segments", "abso_major_rad", "abso_minor_rad"))


def wanted():
    """The port that the environment asks for, or None. Raises Problem `arguments_invalid`."""
    told = os.environ.get("KAPELLE_DIRECT")
    if not told:
        return None
    if not told.isdigit() or int(told) > 65535:
        raise Problem("arguments_invalid", "KAPELLE_DIRECT must be a port number, not %r." % told)
    return int(told)


def listen(executor, port, on_shutdown):
    """Starts listening; returns (what stops it, the port)."""
    table = executor.table
    if table.get("direct.scene") is None:
        table.command("direct.scene", effect="read")(_scene)
        table.command("direct.object", effect="read")(_object)
    leaves = os.environ.get("KAPELLE_DIRECT_EXIT") == "1"
    listener = direct.Listener(executor, COMMANDS, on_shutdown, exit_on_systemexit=leaves)
    return listener, listener.start(port)


def run_background(table, host, port, announcement, links):
    """Blocks until a client, a signal, the hub or, where asked for, a SystemExit ends it; returns the reason. A hub
    that is there has it as an instance and hears of its calls; it runs the same without one. `links` gets the link."""

    def begin(executor):
        link = Link(None, announcement, executor, on_stop=lambda: executor.stop_soon("the hub asked for it"))
        executor.port = recent = Recent(link)
        links.append(link)
        try:
            listener, at = listen(Noting(executor, recent), port, executor.stop_soon)
        except Problem as problem:
            print("Kapelle: %s %s" % (problem.message, problem.hint), file=sys.stderr, flush=True)
            os._exit(EXIT_PORT)
        print(greeting(at), flush=True)
        link.start()

        def end(reason):
            listener.close()
            link.stop(reason)

        return end

    return serve.run_direct(table, host, begin)


def greeting(port):
    return (
        "Kapelle: direct mode is listening on %s:%d. These dialects have no token: any program on this machine that "
        "connects can run code here." % (direct.HOST, port)
    )


def _scene(call):
    scene = bpy.context.scene
    objects = list(scene.objects)
    told = [
        {
            "name": one.name,
            "type": one.type,
            "location": [round(float(n), 2) for n in one.location],
            "visible": one.visible_get(),
        }
        for one in objects[:OBJECTS_MAX]
    ]
    return {
        "name": scene.name,
        "object_count": len(objects),
        "objects": told,
        "materials_count": len(bpy.data.materials),
        "frame_current": scene.frame_current,
        "frame_start": scene.frame_start,
        "frame_end": scene.frame_end,
        "file": bpy.data.filepath or None,
        "blender_version": versions.text(),
    }


def _object(call, name=""):
    one = bpy.data.objects.get(name)
    if one is None:
        raise Problem("not_found", "Object not found: %s" % name)
    told = {
        "name": one.name,
        "type": one.type,
        "location": list(one.location),
        "rotation": list(one.rotation_euler),
        "scale": list(one.scale),
        "dimensions": list(one.dimensions),
        "visible": one.visible_get(),
        "materials": [slot.material.name for slot in one.material_slots if slot.material],
    }
    if one.type == "MESH":
        told["world_bounding_box"] = describe.bounds(one)
        mesh = one.data
        told["mesh"] = {
            "vertices": len(mesh.vertices),
            "edges": len(mesh.edges),
            "polygons": len(mesh.polygons),
        }
    return told


def _create(params):
    """create_object: meshes, empties, texts and curves, and what has a command of its own here, cameras and lights."""
    wanted = {key: told for key, told in params.items() if told is not None and key not in _LAYOUT}
    told = [wanted.pop(key) for key in ("kind", "type", "object_type") if key in wanted]
    kind = str(told[0] if told else "cube").lower()
    kind = _KINDS.get(kind, kind)
    if kind == "camera":
        command, known, args = "camera.create", ("name", "location", "rotation", "look_at", "lens"), {}
    elif kind == "light" or kind in _LIGHTS:
        kind = wanted.pop("light_type", "point") if kind == "light" else _LIGHTS[kind]
        command, args = "light.create", {"kind": str(kind).lower()}
        known = ("name", "location", "rotation", "look_at", "energy", "color", "size")
    else:
        command, args = "object.create", {"kind": kind}
        known = ("name", "location", "rotation", "scale", "size", "depth", "thickness", "segments", "text", "material")
        _measures(wanted)
    if kind not in _KNOWN_KINDS and args.get("kind") not in _LIGHTS.values():
        raise Problem(
            "arguments_invalid",
            "create_object has no type %r." % (told[0] if told else kind),
            hint="The types are %s." % ", ".join(sorted({*_KNOWN_KINDS, *_KINDS, *_LIGHTS, "light"})),
        )
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise Problem(
            "arguments_invalid",
            "create_object takes no %s for a %s." % (", ".join(unknown), kind),
            hint="It takes type, %s." % ", ".join(known),
        )
    args.update(wanted)
    return command, args, _as_it_is


def _measures(wanted):
    """What other add-ons call a measure, by our names: a radius is half a size."""
    if "radius" in wanted:
        radius = wanted.pop("radius")
        if isinstance(radius, (int, float)):
            wanted.setdefault("size", 2.0 * radius)
    for theirs in ("vertices", "major_segments"):
        if theirs in wanted:
            wanted.setdefault("segments", wanted.pop(theirs))
    for theirs, ours in (("major_radius", "size"), ("minor_radius", "thickness")):
        if isinstance(wanted.get(theirs), (int, float)):
            wanted.setdefault(ours, 2.0 * wanted.pop(theirs))


def _screenshot(params):
    path = params.get("filepath")
    if not isinstance(path, str) or not path:
        raise Problem("arguments_invalid", "get_viewport_screenshot needs `filepath`, the file for the picture.")
    kind = str(params.get("format") or "png").lower()
    if kind != "png":
        raise Problem("not_supported", "Pictures can be written as PNG, not as %s." % kind, hint="Ask for format png.")
    args = {"view": "persp" if bpy.app.background else "current", "width": params.get("max_size") or 800}

    def shape(value):
        image = value["image"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["$base64"]))
        told = {"success": True, "filepath": path, "method": "offscreen"}
        return dict(told, width=image["width"], height=image["height"])

    return "viewport.screenshot", args, shape


def _as_it_is(value):
    return value


COMMANDS = {
    "get_scene_info": lambda params: ("direct.scene", {}, _as_it_is),
    "get_state": lambda params: ("direct.scene", {}, _as_it_is),
    "get_object_info": lambda params: ("direct.object", {"name": params.get("name") or ""}, _as_it_is),
    "create_object": _create,
    "get_viewport_screenshot": _screenshot,
}
