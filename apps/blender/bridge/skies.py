# SPDX-License-Identifier: GPL-3.0-or-later
"""What a world looks like: one colour, an image all around, or a physical sky.

In: a world. Out: its nodes as asked, or what they are now as JSON. Only what leads into the Background node's
colour is touched.
"""

import math

import bpy

from . import versions
from .bridgekit.problem import Problem

# How far new nodes stand left of the Background node, in the editor's units.
_LEFT = 300.0


def set_color(world, color):
    """One colour; takes away what was connected."""
    socket = versions.background(world).inputs["Color"]
    _cut(socket)
    socket.default_value = (*color[:3], 1.0)
    world.color = color[:3]  # what Workbench shows


def set_image(world, picture):
    """An image all around, equirectangular; made from an HDRI it also lights the scene."""
    node = _source(world, "TEX_ENVIRONMENT", "ShaderNodeTexEnvironment")
    node.image = picture
    _turnable(node)


def set_sky(world, elevation, rotation, intensity):
    """A physical sky; angles in degrees."""
    node = _source(world, "TEX_SKY", "ShaderNodeTexSky")
    angles = [math.radians(one) if one is not None else None for one in (elevation, rotation)]
    versions.set_sky(node, *angles, intensity)


def turn(world, degrees):
    """Turns the image around Z. Raises arguments_invalid without one."""
    source = _connected(world)
    if source is None or source.type != "TEX_ENVIRONMENT":
        raise Problem("arguments_invalid", "The world has no image to turn.", hint="Pass `image` as well.")
    _turnable(source).inputs["Rotation"].default_value[2] = math.radians(degrees)


def has_sky(world):
    source = _connected(world)
    return source is not None and source.type == "TEX_SKY"


def describe(world):
    """The world as JSON."""
    told = {"name": world.name, "kind": "color", "color": [round(one, 6) for one in world.color]}
    tree = world.node_tree
    node = next((one for one in tree.nodes if one.type == "BACKGROUND"), None) if tree else None
    told["users"] = [scene.name for scene in bpy.data.scenes if scene.world == world]
    if node is None:
        return told
    told["strength"] = round(node.inputs["Strength"].default_value, 6)
    source = _connected(world)
    if source is None:
        told["color"] = [round(one, 6) for one in node.inputs["Color"].default_value][:3]
        return told
    del told["color"]
    told["kind"] = "nodes"
    if source.type == "TEX_ENVIRONMENT":
        told["kind"] = "image"
        if source.image is not None:
            told["image"] = {"image": source.image.name, "path": bpy.path.abspath(source.image.filepath) or None}
        links = source.inputs["Vector"].links
        if links and links[0].from_node.type == "MAPPING":
            angle = links[0].from_node.inputs["Rotation"].default_value[2]
            told["rotation"] = round(math.degrees(angle), 4) + 0.0
    elif source.type == "TEX_SKY":
        told["kind"] = "sky"
        told["sun_elevation"] = round(math.degrees(source.sun_elevation), 4)
        told["sun_rotation"] = round(math.degrees(source.sun_rotation), 4)
        told["sun_strength"] = round(source.sun_intensity, 6)
    return told


def _source(world, type, kind):
    """The node of that type before the Background, made and connected where it is missing."""
    node = versions.background(world)
    source = _connected(world)
    if source is None or source.type != type:
        _cut(node.inputs["Color"])
        source = node.id_data.nodes.new(kind)
        source.location = (node.location.x - _LEFT, node.location.y)
        node.id_data.links.new(source.outputs["Color"], node.inputs["Color"])
    return source


def _turnable(source):
    """The Mapping node before an image, made where it is missing."""
    tree = source.id_data
    socket = source.inputs["Vector"]
    if socket.links and socket.links[0].from_node.type == "MAPPING":
        return socket.links[0].from_node
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.location = (source.location.x - _LEFT, source.location.y)
    places = tree.nodes.new("ShaderNodeTexCoord")
    places.location = (mapping.location.x - _LEFT, source.location.y)
    tree.links.new(places.outputs["Generated"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], socket)
    return mapping


def _connected(world):
    tree = world.node_tree
    node = next((one for one in tree.nodes if one.type == "BACKGROUND"), None) if tree else None
    links = node.inputs["Color"].links if node is not None else ()
    return links[0].from_node if links else None


def _cut(socket):
    for link in [*socket.links]:
        socket.id_data.links.remove(link)
