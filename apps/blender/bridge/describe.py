# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects, materials and scenes as JSON, the same in every command that tells of them.

Lengths in Blender units, angles in degrees, colours linear. It reads; it changes nothing.
"""

import math

import bpy
from mathutils import Vector

from . import convert, placing, surfaces, versions

# Names of one kind that are told inside a description; the rest is counted.
NAMES_MAX = 200


def brief(one):
    """An object in a list."""
    return {
        "name": one.name,
        "type": one.type,
        "location": _numbers(one.location),
        "dimensions": _numbers(one.dimensions),
        "parent": one.parent.name if one.parent else None,
        "visible": not one.hide_render,
    }


def full(one):
    """Everything that is usually asked about an object."""
    bpy.context.view_layer.update()
    told = {
        "name": one.name,
        "type": one.type,
        "location": _numbers(one.location),
        "rotation": placing.degrees(one),
        "scale": _numbers(one.scale),
        "dimensions": _numbers(one.dimensions),
        "world_location": _numbers(one.matrix_world.translation),
        "bounds": bounds(one),
        "parent": one.parent.name if one.parent else None,
        "children": [below.name for below in one.children][:NAMES_MAX],
        "collections": [home.name for home in one.users_collection],
        "materials": [slot.material.name if slot.material else None for slot in one.material_slots],
        "modifiers": [{"name": each.name, "type": each.type} for each in one.modifiers],
        "visible": not one.hide_render,
        "visible_in_viewport": not one.hide_viewport,
        "selected": _selected(one),
        "active": bpy.context.view_layer.objects.active == one,
        "animated": one.animation_data is not None and one.animation_data.action is not None,
        "properties": convert.properties(one),
    }
    if one.data is not None:
        told["data"] = _data(one)
    return told


def bounds(one):
    """[lowest corner, highest corner] in world space, or None for what has no extent."""
    if one.type in ("EMPTY", "CAMERA", "LIGHT", "SPEAKER"):
        return None
    corners = [one.matrix_world @ Vector(corner) for corner in one.bound_box]
    return [[round(pick(corner[axis] for corner in corners), 6) for axis in range(3)] for pick in (min, max)]


def material(one):
    """A material: its Principled BSDF inputs under names that hold across versions."""
    told = {"name": one.name, "users": one.users, "objects": _objects_with(one)}
    tree = one.node_tree
    node = next((each for each in tree.nodes if each.type == "BSDF_PRINCIPLED"), None) if tree else None
    if node is None:
        told["base_color"] = _numbers(one.diffuse_color)
        return told
    for name in versions.PRINCIPLED:
        socket = versions.principled_input(node, name)
        if socket is None:
            continue
        value = socket.default_value
        told[name] = _numbers(value) if hasattr(value, "__len__") else round(float(value), 6)
        if socket.is_linked:
            told.setdefault("linked", []).append(name)
    pictures = surfaces.textures(node)
    if pictures:
        told["textures"] = pictures
    own = convert.properties(one)
    if own:
        told["properties"] = own
    return told


def camera(one):
    """A camera object."""
    data = one.data
    told = full(one)
    told["camera"] = {
        "kind": data.type.lower(),
        "lens": round(data.lens, 6),
        "ortho_scale": round(data.ortho_scale, 6),
        "clip": [round(data.clip_start, 6), round(data.clip_end, 6)],
        "active": bpy.context.scene.camera == one,
        "depth_of_field": data.dof.use_dof,
        "focus": data.dof.focus_object.name if data.dof.focus_object else round(data.dof.focus_distance, 6),
        "aperture": round(data.dof.aperture_fstop, 6),
    }
    return told


def light(one):
    """A light object."""
    data = one.data
    told = full(one)
    told["light"] = {"kind": data.type.lower(), "energy": round(data.energy, 6), "color": _numbers(data.color)}
    if data.type == "AREA":
        told["light"]["size"] = round(data.size, 6)
    elif data.type == "SUN":
        told["light"]["size"] = round(math.degrees(data.angle), 6)
    else:
        told["light"]["size"] = round(data.shadow_soft_size * 2.0, 6)
    if data.type == "SPOT":
        told["light"]["angle"] = round(math.degrees(data.spot_size), 4)
        told["light"]["blend"] = round(data.spot_blend, 6)
    return told


def scene(one):
    """A scene and its render settings."""
    render = one.render
    world = one.world
    told = {
        "name": one.name,
        "active": bpy.context.scene == one,
        "frame": one.frame_current,
        "frame_start": one.frame_start,
        "frame_end": one.frame_end,
        "fps": round(render.fps / render.fps_base, 6),
        "engine": versions.engine_name(one),
        "samples": versions.samples_of(one),
        "width": render.resolution_x,
        "height": render.resolution_y,
        "percentage": render.resolution_percentage,
        "camera": one.camera.name if one.camera else None,
        "world": world.name if world else None,
        "transparent": render.film_transparent,
        "view_transform": one.view_settings.view_transform,
        "exposure": round(one.view_settings.exposure, 6),
        "units": one.unit_settings.system.lower(),
        "unit_scale": round(one.unit_settings.scale_length, 6),
        "object_count": len(one.objects),
        "objects": [each.name for each in one.objects[:NAMES_MAX]],
        "collections": [each.name for each in one.collection.children_recursive][:NAMES_MAX],
        "scenes": [each.name for each in bpy.data.scenes][:NAMES_MAX],
        "file": bpy.data.filepath or None,
    }
    return told


def _data(one):
    data = one.data
    told = {"name": data.name, "users": data.users}
    if one.type == "MESH":
        told.update(
            vertices=len(data.vertices),
            edges=len(data.edges),
            faces=len(data.polygons),
            uv_maps=[layer.name for layer in data.uv_layers],
        )
    elif one.type == "FONT":
        told["text"] = data.body
    elif one.type == "CURVE":
        told["splines"] = len(data.splines)
    return told


def _objects_with(material):
    found = []
    for one in bpy.data.objects:
        if any(slot.material == material for slot in one.material_slots):
            found.append(one.name)
            if len(found) == NAMES_MAX:
                break
    return found


def _selected(one):
    try:
        return one.select_get()
    except RuntimeError:  # not in the active view layer
        return False


def _numbers(values):
    # + 0.0 makes a plain zero of -0.0.
    return [round(float(number), 6) + 0.0 for number in values]
