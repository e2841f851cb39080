# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Blender (3.4, 4.2, 4.5, 5.0, 5.2). It stands here and nowhere else,
but for the names in api_breaks.py, which only make hints.

In: names that hold across versions. Out: the names and values that the running Blender knows, or a Problem
that tells those that exist. It changes nothing except what it is handed.
"""

import bpy

from .api_breaks import BREAKS
from .bridgekit.problem import Problem

VERSION = tuple(bpy.app.version)

# Our names of render engines -> what they are called, newest spelling last tried first by `set_engine`.
ENGINES = {
    "cycles": ("CYCLES",),
    "eevee": ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"),
    "workbench": ("BLENDER_WORKBENCH",),
}

# Names of Principled BSDF inputs that hold across versions -> the labels since 4.0, then those before.
PRINCIPLED = {
    "base_color": ("Base Color",),
    "metallic": ("Metallic",),
    "roughness": ("Roughness",),
    "ior": ("IOR",),
    "alpha": ("Alpha",),
    "specular": ("Specular IOR Level", "Specular"),
    "transmission": ("Transmission Weight", "Transmission"),
    "coat": ("Coat Weight", "Clearcoat"),
    "coat_roughness": ("Coat Roughness", "Clearcoat Roughness"),
    "sheen": ("Sheen Weight", "Sheen"),
    "subsurface": ("Subsurface Weight", "Subsurface"),
    "anisotropic": ("Anisotropic",),
    "emission_color": ("Emission Color", "Emission"),
    "emission_strength": ("Emission Strength",),
}


def text():
    """The version as people write it: "4.5.15"."""
    return "%d.%d.%d" % VERSION[:3]


def is_module():
    """Whether this is the `bpy` wheel in a Python, and not the Blender program."""
    return not bpy.app.binary_path


def api_hint(kind, name, owners=()):
    """What to use here in place of a name that another version has, or None. `owners` are those that it may belong to,
    the nearest first; the rows and their kinds are those of api_breaks.py."""
    for row_kind, owner, row_name, since, until, instead in BREAKS:
        if row_kind != kind or (owner and owner not in owners):
            continue
        if (row_name in name if kind == "text" else row_name == name) and _between(since, until):
            return instead
    return None


def _between(since, until):
    return (since is None or since <= VERSION) and (until is None or until > VERSION)


def set_engine(scene, name):
    """Sets the render engine by our name ("cycles") or Blender's own ("CYCLES"). Raises not_supported."""
    wanted = ENGINES.get(str(name).lower(), (str(name),))
    refusal = ""
    for identifier in wanted:
        try:
            scene.render.engine = identifier
            return
        except TypeError as error:
            refusal = str(error)
    known = refusal.rpartition("(")[2].rstrip(")\n")
    raise Problem(
        "not_supported",
        "This Blender (%s) has no render engine %r." % (text(), name),
        hint="It has: %s." % (known or ", ".join(sorted(ENGINES))),
    )


def engine_name(scene):
    """Our name of the scene's engine, else Blender's own."""
    identifier = scene.render.engine
    for name, identifiers in ENGINES.items():
        if identifier in identifiers:
            return name
    return identifier


def samples_of(scene):
    """Samples of a final render with the scene's engine, or None where there is no such number."""
    engine = engine_name(scene)
    if engine == "cycles" and hasattr(scene, "cycles"):
        return scene.cycles.samples
    if engine == "eevee":
        return scene.eevee.taa_render_samples
    return None


def set_samples(scene, samples):
    """Sets the samples of a final render; True when the engine has such a number."""
    engine = engine_name(scene)
    if engine == "cycles" and hasattr(scene, "cycles"):
        scene.cycles.samples = samples
    elif engine == "eevee":
        scene.eevee.taa_render_samples = samples
    else:
        return False
    return True


def can_denoise():
    """Whether Cycles of this build has OpenImageDenoise. Without it a denoised render fails at its end."""
    try:
        import _cycles
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))


def operator(idname):
    """The operator `wm.obj_import`, or None where this Blender has none of that name."""
    module, _, name = idname.partition(".")
    found = getattr(getattr(bpy.ops, module), name)
    try:
        found.get_rna_type()
    except (KeyError, RuntimeError):
        return None
    return found


def use_nodes(owner):
    """Switches nodes on for a material or world; from 5.0 on they always are. Returns the node tree."""
    if VERSION < (5, 0) and not owner.use_nodes:
        owner.use_nodes = True
    return owner.node_tree


def principled(material):
    """The Principled BSDF node of a material, made and connected where it is missing."""
    tree = use_nodes(material)
    for node in tree.nodes:
        if node.type == "BSDF_PRINCIPLED":
            return node
    node = tree.nodes.new("ShaderNodeBsdfPrincipled")
    output = next((n for n in tree.nodes if n.type == "OUTPUT_MATERIAL"), None)
    output = output or tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(node.outputs[0], output.inputs[0])
    return node


def principled_input(node, name):
    """The input of a Principled BSDF by our name, or None where this version has none."""
    for label in PRINCIPLED[name]:
        found = node.inputs.get(label)
        if found is not None:
            return found
    return None


def background(world):
    """The Background node of a world, made and connected where it is missing."""
    tree = use_nodes(world)
    for node in tree.nodes:
        if node.type == "BACKGROUND":
            return node
    node = tree.nodes.new("ShaderNodeBackground")
    output = next((n for n in tree.nodes if n.type == "OUTPUT_WORLD"), None)
    output = output or tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(node.outputs[0], output.inputs[0])
    return node


def asks_before_freestyle():
    """Whether the Python of Freestyle runs only where scripts may run. Seen in 4.5 and 5.2; 3.4 does not ask."""
    return VERSION >= (4, 5)


def gltf_import_is_broken():
    """Debian's Blender 3.4 meets a numpy (1.24 and later) that has lost the names its add-on uses."""
    if VERSION >= (3, 6):
        return False
    try:
        import numpy
    except ImportError:
        return True
    return tuple(int(n) for n in numpy.__version__.split(".")[:2]) >= (1, 24)


def curves(owner):
    """The animation curves of a thing of the file, in its own slot where actions have slots."""
    return [one for home in _curve_homes(owner) for one in home]


def remove_curve(owner, curve):
    """Takes one of `curves` away."""
    for home in _curve_homes(owner):
        if any(one == curve for one in home):
            home.remove(curve)
            return


def _curve_homes(owner):
    data = owner.animation_data
    if data is None or data.action is None:
        return []
    if VERSION < (4, 4):
        return [data.action.fcurves]
    if data.action_slot is None:
        return []
    bags = [strip.channelbag(data.action_slot) for layer in data.action.layers for strip in layer.strips]
    return [bag.fcurves for bag in bags if bag is not None]


def homes_of_curves(action):
    """The collections of curves of an action, whichever slot they are for."""
    if VERSION < (4, 4):
        return [action.fcurves]
    return [bag.fcurves for layer in action.layers for strip in layer.strips for bag in strip.channelbags]


def own_action(owner):
    """Gives a copied thing a copy of its action, so that its keyframes are its own."""
    data = owner.animation_data
    if data is None or data.action is None:
        return
    slot = data.action_slot.identifier if VERSION >= (4, 4) and data.action_slot else None
    data.action = data.action.copy()
    if slot is not None:
        data.action_slot = data.action.slots.get(slot)


def group_inputs(modifier):
    """The inputs of a geometry nodes modifier: {name: (identifier, interface item)}, without the geometry."""
    group = modifier.node_group
    if group is None:
        return {}
    if VERSION >= (4, 0):
        items = [one for one in group.interface.items_tree if one.item_type == "SOCKET" and one.in_out == "INPUT"]
    else:
        items = [*group.inputs]
    found = {}
    for one in items:
        kind = getattr(one, "socket_type", None) or one.bl_socket_idname
        if kind != "NodeSocketGeometry":
            found.setdefault(one.name, (one.identifier, one))
    return found


def group_input(modifier, identifier):
    """The value of one of them."""
    if hasattr(modifier, "properties"):  # since 5.2
        return getattr(modifier.properties.inputs, identifier).value
    return modifier[identifier]


def set_group_input(modifier, identifier, value):
    """Sets one of them. Raises TypeError for a value of the wrong kind."""
    if hasattr(modifier, "properties"):
        getattr(modifier.properties.inputs, identifier).value = value
    elif hasattr(modifier[identifier], "typecode"):
        modifier[identifier][:] = value  # a new list would be one of doubles, which 3.x does not take
    else:
        modifier[identifier] = value


def use_sharp_edges(mesh, on):
    """Whether edges marked sharp part the shading. Since 4.1 they always do."""
    if VERSION < (4, 1):
        mesh.use_auto_smooth = on
        mesh.auto_smooth_angle = 3.141592653589793


def set_sky(node, elevation, rotation, intensity):
    """Makes a Sky Texture node a physical sky with its sun; angles in radians. None leaves a value as it is."""
    kinds = [one.identifier for one in node.bl_rna.properties["sky_type"].enum_items]
    node.sky_type = next(one for one in ("MULTIPLE_SCATTERING", "NISHITA") if one in kinds)
    for name, value in (("sun_elevation", elevation), ("sun_rotation", rotation), ("sun_intensity", intensity)):
        if value is not None:
            setattr(node, name, value)


def plain_colours(scene):
    """No view transform: what is saved looks as the file that was read."""
    view = scene.view_settings
    view.view_transform = "Standard"
    view.look = "None"
    view.exposure, view.gamma = 0.0, 1.0
    view.use_curve_mapping = False


def has_films():
    """Whether this build can write films."""
    return bool(bpy.app.build_options.codec_ffmpeg)


def film_format(scene, container):
    """Sets the output to a film: "MPEG4", "MKV", "WEBM" or "QUICKTIME"."""
    image = scene.render.image_settings
    if hasattr(image, "media_type"):  # 5.0 and later
        image.media_type = "VIDEO"
    image.file_format = "FFMPEG"
    image.color_mode = "RGB"
    film = scene.render.ffmpeg
    film.format = container
    film.codec = "WEBM" if container == "WEBM" else "H264"
    film.constant_rate_factor = "HIGH"
    film.audio_codec = "NONE"


def fills_in_paths():
    """Whether what stands in braces in the path of a render or a File Output node is filled in; since 4.5."""
    path = bpy.types.RenderSettings.bl_rna.properties["filepath"]
    return getattr(path, "is_path_supports_templates", False)


def literal(path):
    """A path to render to that means just what it says."""
    return path.replace("{", "{{").replace("}", "}}") if fills_in_paths() else path


def animates_muting():
    """Whether animation can mute and unmute nodes: it could in 3.x."""
    return bpy.types.Node.bl_rna.properties["mute"].is_animatable


def strips(editor):
    """The strips of a sequence editor: renamed in 4.4, the old name is gone in 5.0."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(editor):
    """As `strips`, those inside of meta strips included."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def shows_strips(scene):
    """Whether a render takes its pictures from the sequencer, and so needs no camera."""
    editor = scene.sequence_editor
    return scene.render.use_sequencer and editor is not None and len(strips(editor)) > 0


def uses_graphics_card(scene):
    """Whether a final render runs on a graphics card, which several processes would have to share."""
    engine = engine_name(scene)
    if engine != "cycles" or not hasattr(scene, "cycles"):
        return engine in ("eevee", "workbench")
    chosen = bpy.context.preferences.addons.get("cycles")
    kind = getattr(chosen.preferences, "compute_device_type", "NONE") if chosen is not None else "NONE"
    return scene.cycles.device == "GPU" and kind != "NONE"


def renders_only_what_is_shown():
    """Whether Blender takes a render job's graphics context away from under it in every round of its main loop in which
    no window shows the scene: then the process ends or stands still. Seen in 4.3.2; the sources say so of 4.4.3, and no
    longer of 5.0. 4.5 was not looked at."""
    return (4, 0) <= VERSION < (5, 0)


def show_alpha(material):
    """EEVEE up to 4.1 shows no alpha without it."""
    if hasattr(material, "blend_method"):
        material.blend_method = "BLEND"


def move_modifier(owner, modifier, position):
    """Puts a modifier at that place among the object's."""
    if hasattr(owner.modifiers, "move"):
        owner.modifiers.move(owner.modifiers.find(modifier.name), position)
        return
    with bpy.context.temp_override(object=owner, active_object=owner):
        bpy.ops.object.modifier_move_to_index(modifier=modifier.name, index=position)


def context_as_dict(args):
    """Whether an operator is called under a context as a dict: the first thing after its name, up to 3.x."""
    return VERSION < (4, 0) and bool(args) and bool(args[0])
