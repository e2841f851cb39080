# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of Blender's Python API that changed between versions, and what they are called elsewhere. Data only.

In: nothing. Out: `BREAKS`, read by versions.py, which knows the running version, for the hints of hints.py. A row is
used only after an error in which its name stands, so a row never says that something is missing which is there.

A row: kind, owner, name, from (inclusive) and to (exclusive) which version it is of use, None for no bound; the hint.
Kinds: attribute (owner: the type, its bases included), type (bpy.types.X), key (an input of a node), enum, operator,
keyword (owner: the operator or function), node, module, text (name: words of the message).
"""

V28, V40, V41, V42, V43, V44, V45, V50 = (2, 8), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5), (5, 0)

_CURVES = (
    "Since 5.0 the F-curves of an action belong to a slot: "
    "action.layers[0].strips[0].channelbag(obj.animation_data.action_slot).%s."
)
_SLOTS = "Slots and layers were added in 4.4; here an action has its F-curves directly: action.fcurves."
_SMOOTH = (
    "Since 4.1 it is bpy.ops.object.shade_smooth_by_angle(angle=…), or mesh.shade_smooth() and "
    "mesh.set_sharp_from_angle(angle=…)."
)
_SPLIT = "Since 4.1 split normals are always available: remove the call and read mesh.corner_normals."
_EDGE_LAYER = 'Since 4.0 it is an attribute of the mesh: mesh.attributes["%s"].'
_FACE_MAPS = "Since 4.0 there are no face maps: use mesh.attributes with an integer or boolean per face."
_BONES = "Since 4.0 bones are in collections: armature.collections, bone.collections."
_SOCKETS = (
    "Since 4.0: tree.interface.new_socket(name=…, in_out='%s', socket_type='NodeSocketFloat'), "
    "tree.interface.items_tree."
)
_EEVEE = "EEVEE was rewritten in 4.2 and no longer has this setting%s."
_SELECTED = "It is %s since 2.80."
_INPUT = "Since 4.0 the input is called '%s'."
_OLD_INPUT = "Before 4.0 the input is called '%s'."

BREAKS = (
    # --- animation
    ("attribute", "Action", "fcurves", V50, None, _CURVES % "fcurves"),
    ("attribute", "Action", "groups", V50, None, _CURVES % "groups"),
    ("attribute", "Action", "id_root", V50, None, "Since 5.0 each slot has its own: action.slots[0].target_id_type."),
    ("attribute", "Action", "slots", None, V44, _SLOTS),
    ("attribute", "Action", "layers", None, V44, _SLOTS),
    (
        "attribute",
        "AnimData",
        "action_slot",
        None,
        V44,
        "Slots were added in 4.4; here, only set animation_data.action.",
    ),
    # --- scene, compositor, sequencer, render
    (
        "attribute",
        "Scene",
        "node_tree",
        V50,
        None,
        "Since 5.0 the compositor is scene.compositing_node_group, a node group: "
        "bpy.data.node_groups.new('Compositing', 'CompositorNodeTree').",
    ),
    (
        "attribute",
        "Scene",
        "compositing_node_group",
        None,
        V50,
        "Before 5.0 the compositor is scene.node_tree, after scene.use_nodes = True.",
    ),
    ("attribute", "SequenceEditor", "sequences", V50, None, "Since 5.0 it is sequence_editor.strips."),
    ("attribute", "SequenceEditor", "sequences_all", V50, None, "Since 5.0 it is sequence_editor.strips_all."),
    ("attribute", "SequenceEditor", "strips", None, V44, "Before 4.4 it is sequence_editor.sequences."),
    ("attribute", "SequenceEditor", "strips_all", None, V44, "Before 4.4 it is sequence_editor.sequences_all."),
    ("enum", "", "BLENDER_EEVEE", V42, V50, "From 4.2 to 4.5 the engine is called BLENDER_EEVEE_NEXT."),
    ("enum", "", "BLENDER_EEVEE_NEXT", None, V42, "Here the engine is called BLENDER_EEVEE."),
    ("enum", "", "BLENDER_EEVEE_NEXT", V50, None, "Since 5.0 the engine is called BLENDER_EEVEE again."),
    ("enum", "", "EEVEE", V42, V50, "Blender's own name is BLENDER_EEVEE_NEXT."),
    ("enum", "", "EEVEE", None, None, "Blender's own name is BLENDER_EEVEE."),
    ("enum", "", "FFMPEG", V50, None, "Since 5.0 set image_settings.media_type = 'VIDEO' first."),
    ("attribute", "SceneEEVEE", "use_bloom", V42, None, _EEVEE % "; use a Glare node in the compositor"),
    ("attribute", "SceneEEVEE", "use_ssr", V42, None, _EEVEE % "; reflections are eevee.use_raytracing"),
    ("attribute", "SceneEEVEE", "use_ssr_refraction", V42, None, _EEVEE % "; refraction is eevee.use_raytracing"),
    ("attribute", "SceneEEVEE", "use_gtao", V42, None, _EEVEE % "; see eevee.use_fast_gi"),
    ("attribute", "SceneEEVEE", "use_soft_shadows", V42, None, _EEVEE % "; shadows are always soft"),
    ("attribute", "SceneEEVEE", "shadow_cube_size", V42, None, _EEVEE % "; see eevee.shadow_resolution_scale"),
    ("attribute", "SceneEEVEE", "shadow_cascade_size", V42, None, _EEVEE % "; see eevee.shadow_resolution_scale"),
    ("attribute", "SceneEEVEE", "use_motion_blur", V42, None, "Since 4.2 it is scene.render.use_motion_blur."),
    ("attribute", "RenderSettings", "tile_x", None, None, "Since 3.0 it is scene.cycles.tile_size."),
    ("attribute", "RenderSettings", "tile_y", None, None, "Since 3.0 it is scene.cycles.tile_size."),
    (
        "attribute",
        "CyclesObjectSettings",
        "use_adaptive_subdivision",
        V50,
        None,
        "Since 5.0 it is a setting of the Subdivision Surface modifier: modifier.use_adaptive_subdivision.",
    ),
    (
        "attribute",
        "Object",
        "cycles_visibility",
        None,
        None,
        "Since 3.0 it is object.visible_camera, visible_shadow and so on.",
    ),
    # --- mesh
    ("attribute", "Mesh", "use_auto_smooth", V41, None, _SMOOTH),
    ("attribute", "Mesh", "auto_smooth_angle", V41, None, _SMOOTH),
    ("attribute", "Mesh", "calc_normals", V40, None, "Since 4.0 normals are kept up to date; remove the call."),
    ("attribute", "Mesh", "calc_normals_split", V41, None, _SPLIT),
    ("attribute", "Mesh", "create_normals_split", V41, None, _SPLIT),
    ("attribute", "Mesh", "free_normals_split", V41, None, _SPLIT),
    ("attribute", "Mesh", "sculpt_vertex_colors", V40, None, "Since 4.0 colours are in mesh.color_attributes."),
    ("attribute", "Mesh", "polygon_layers_int", V40, None, "Since 4.0: mesh.attributes.new(name, 'INT', 'FACE')."),
    ("attribute", "Mesh", "polygon_layers_float", V40, None, "Since 4.0: mesh.attributes.new(name, 'FLOAT', 'FACE')."),
    ("attribute", "Mesh", "vertex_layers_float", V40, None, "Since 4.0: mesh.attributes.new(name, 'FLOAT', 'POINT')."),
    ("attribute", "Mesh", "face_maps", V40, None, _FACE_MAPS),
    ("attribute", "Object", "face_maps", V40, None, _FACE_MAPS),
    ("attribute", "MeshEdge", "crease", V40, None, _EDGE_LAYER % "crease_edge"),
    ("attribute", "MeshEdge", "bevel_weight", V40, None, _EDGE_LAYER % "bevel_weight_edge"),
    ("attribute", "MeshVertex", "bevel_weight", V40, None, _EDGE_LAYER % "bevel_weight_vert"),
    # --- armatures, lights, world, materials, grease pencil
    ("attribute", "Armature", "layers", V40, None, _BONES),
    ("attribute", "Bone", "layers", V40, None, _BONES),
    ("attribute", "EditBone", "layers", V40, None, _BONES),
    ("attribute", "Pose", "bone_groups", V40, None, _BONES + " A colour is bone.color.palette."),
    ("attribute", "PoseBone", "bone_group", V40, None, _BONES + " A colour is bone.color.palette."),
    (
        "attribute",
        "Armature",
        "collections",
        None,
        V40,
        "Bone collections were added in 4.0; here, use armature.layers.",
    ),
    ("attribute", "Light", "use_contact_shadow", V42, None, _EEVEE % ""),
    ("attribute", "Light", "shadow_buffer_bias", V42, None, _EEVEE % ""),
    ("attribute", "Light", "shadow_buffer_clip_start", V42, None, _EEVEE % ""),
    ("attribute", "WorldLighting", "use_ambient_occlusion", V42, None, _EEVEE % "; see eevee.use_fast_gi"),
    ("attribute", "World", "horizon_color", None, None, _SELECTED % "world.color"),
    (
        "attribute",
        "Material",
        "shadow_method",
        V42,
        None,
        "Since 4.2 it is object.visible_shadow, or transparency in the material's nodes.",
    ),
    ("attribute", "BlendData", "annotations", None, V50, "Before 5.0 annotations are bpy.data.grease_pencils."),
    ("attribute", "BlendData", "grease_pencils_v3", V50, None, "Since 5.0 it is bpy.data.grease_pencils."),
    ("attribute", "BlendData", "grease_pencils_v3", None, V43, "Before 4.3 it is bpy.data.grease_pencils."),
    ("operator", "", "object.gpencil_add", V43, None, "Since 4.3 it is bpy.ops.object.grease_pencil_add."),
    ("operator", "", "object.grease_pencil_add", None, V43, "Before 4.3 it is bpy.ops.object.gpencil_add."),
    ("enum", "", "GPENCIL", V43, None, "Since 4.3 it is GREASEPENCIL."),
    ("enum", "", "GREASEPENCIL", None, V43, "Before 4.3 it is GPENCIL."),
    # --- nodes
    ("attribute", "NodeTree", "inputs", V40, None, _SOCKETS % "INPUT"),
    ("attribute", "NodeTree", "outputs", V40, None, _SOCKETS % "OUTPUT"),
    ("attribute", "NodeTree", "interface", None, V40, "Before 4.0: tree.inputs.new(type, name), tree.outputs.new(…)."),
    ("key", "", "Specular", V40, None, _INPUT % "Specular IOR Level"),
    ("key", "", "Subsurface", V40, None, _INPUT % "Subsurface Weight"),
    ("key", "", "Subsurface Color", V40, None, "Since 4.0 subsurface takes its colour from 'Base Color'."),
    ("key", "", "Transmission", V40, None, _INPUT % "Transmission Weight"),
    ("key", "", "Transmission Roughness", V40, None, "Since 4.0 there is only 'Roughness'."),
    ("key", "", "Emission", V40, None, "Since 4.0 the inputs are 'Emission Color' and 'Emission Strength'."),
    ("key", "", "Clearcoat", V40, None, _INPUT % "Coat Weight"),
    ("key", "", "Clearcoat Roughness", V40, None, _INPUT % "Coat Roughness"),
    ("key", "", "Clearcoat Normal", V40, None, _INPUT % "Coat Normal"),
    ("key", "", "Sheen", V40, None, _INPUT % "Sheen Weight"),
    ("key", "", "Specular IOR Level", None, V40, _OLD_INPUT % "Specular"),
    ("key", "", "Subsurface Weight", None, V40, _OLD_INPUT % "Subsurface"),
    ("key", "", "Transmission Weight", None, V40, _OLD_INPUT % "Transmission"),
    ("key", "", "Emission Color", None, V40, _OLD_INPUT % "Emission"),
    ("key", "", "Coat Weight", None, V40, _OLD_INPUT % "Clearcoat"),
    ("key", "", "Coat Roughness", None, V40, _OLD_INPUT % "Clearcoat Roughness"),
    ("key", "", "Coat Normal", None, V40, _OLD_INPUT % "Clearcoat Normal"),
    ("key", "", "Sheen Weight", None, V40, _OLD_INPUT % "Sheen"),
    ("node", "", "ShaderNodeSeparateRGB", V50, None, "Use ShaderNodeSeparateColor."),
    ("node", "", "ShaderNodeCombineRGB", V50, None, "Use ShaderNodeCombineColor."),
    ("node", "", "ShaderNodeTexMusgrave", V41, None, "Since 4.1 it is a type of ShaderNodeTexNoise: node.noise_type."),
    ("node", "", "ShaderNodeBsdfVelvet", V40, None, "Since 4.0 it is ShaderNodeBsdfSheen, distribution 'ASHIKHMIN'."),
    ("node", "", "ShaderNodeBsdfSheen", None, V40, "Before 4.0 it is ShaderNodeBsdfVelvet."),
    ("node", "", "CompositorNodeComposite", V50, None, "Since 5.0 the compositor ends in a NodeGroupOutput."),
    # --- files
    ("operator", "", "export_scene.obj", V40, None, "Since 4.0 it is bpy.ops.wm.obj_export."),
    ("operator", "", "import_scene.obj", V40, None, "Since 4.0 it is bpy.ops.wm.obj_import."),
    ("operator", "", "import_mesh.stl", V42, None, "Since 4.2 it is bpy.ops.wm.stl_import."),
    ("operator", "", "export_mesh.stl", V42, None, "Since 4.2 it is bpy.ops.wm.stl_export."),
    ("operator", "", "import_mesh.ply", V40, None, "Since 4.0 it is bpy.ops.wm.ply_import."),
    ("operator", "", "export_mesh.ply", V40, None, "Since 4.0 it is bpy.ops.wm.ply_export."),
    ("operator", "", "wm.stl_import", None, V41, "Before 4.1 it is bpy.ops.import_mesh.stl."),
    ("operator", "", "wm.stl_export", None, V41, "Before 4.1 it is bpy.ops.export_mesh.stl."),
    ("operator", "", "wm.ply_import", None, V40, "Here it is bpy.ops.import_mesh.ply."),
    ("operator", "", "wm.ply_export", None, V40, "Here it is bpy.ops.export_mesh.ply."),
    ("operator", "", "wm.fbx_import", None, V45, "Before 4.5 it is bpy.ops.import_scene.fbx."),
    ("operator", "", "wm.fbx_export", None, None, "It is bpy.ops.export_scene.fbx."),
    ("operator", "", "wm.gltf_export", None, None, "It is bpy.ops.export_scene.gltf."),
    ("operator", "", "wm.gltf_import", None, None, "It is bpy.ops.import_scene.gltf."),
    (
        "operator",
        "",
        "wm.collada_export",
        V50,
        None,
        "Since 5.0 Collada is no longer supported: use bpy.ops.export_scene.gltf or wm.usd_export.",
    ),
    (
        "operator",
        "",
        "wm.collada_import",
        V50,
        None,
        "Since 5.0 Collada is no longer supported: convert the file to glTF, FBX or USD.",
    ),
    ("keyword", "wm.obj_export", "use_selection", None, None, "It is export_selected_objects."),
    ("keyword", "wm.stl_export", "use_selection", None, None, "It is export_selected_objects."),
    ("keyword", "wm.ply_export", "use_selection", None, None, "It is export_selected_objects."),
    ("keyword", "wm.usd_export", "use_selection", None, None, "It is selected_objects_only."),
    # --- operators and functions
    (
        "operator",
        "",
        "object.shade_auto_smooth",
        None,
        V41,
        "Before 4.1 it is bpy.ops.object.shade_smooth(use_auto_smooth=True).",
    ),
    (
        "operator",
        "",
        "object.shade_smooth_by_angle",
        None,
        V41,
        "Before 4.1 it is bpy.ops.object.shade_smooth(use_auto_smooth=True).",
    ),
    (
        "keyword",
        "object.shade_smooth",
        "use_auto_smooth",
        V41,
        None,
        "Since 4.1 it is bpy.ops.object.shade_smooth_by_angle().",
    ),
    ("keyword", "object.modifier_apply", "apply_as", None, None, "Since 2.90 see object.modifier_apply_as_shapekey."),
    ("keyword", "", "view_align", None, None, "Since 2.81 it is align='VIEW'."),
    ("keyword", "create_cone", "diameter1", None, None, "Since 3.0 it is radius1, half of it."),
    ("keyword", "create_cone", "diameter2", None, None, "Since 3.0 it is radius2, half of it."),
    ("keyword", "create_uvsphere", "diameter", None, None, "Since 3.0 it is radius, half of it."),
    ("keyword", "create_icosphere", "diameter", None, None, "Since 3.0 it is radius, half of it."),
    ("keyword", "create_circle", "diameter", None, None, "It is radius, half of it."),
    ("operator", "", "object.lamp_add", None, None, _SELECTED % "bpy.ops.object.light_add"),
    (
        "operator",
        "",
        "object.make_proxy",
        None,
        None,
        "Since 3.0 it is a library override: bpy.ops.object.make_override_library.",
    ),
    ("operator", "", "group.create", None, None, _SELECTED % "bpy.ops.collection.create"),
    (
        "text",
        "ValueError",
        "1-2 args execution context is supported",
        V40,
        None,
        "Since 4.0 an operator takes no context as a dict: with bpy.context.temp_override(object=…, …): bpy.ops.…",
    ),
    (
        "text",
        "TypeError",
        "blf.size() takes exactly 2 arguments",
        V40,
        None,
        "Since 4.0 it is blf.size(font_id, size), without the dpi.",
    ),
    (
        "text",
        "TypeError",
        "Element-wise multiplication: not supported",
        None,
        None,
        "Since 2.80 matrices are multiplied with @.",
    ),
    ("text", "ValueError", "3D_UNIFORM_COLOR", V40, None, "Since 4.0 the shader is called UNIFORM_COLOR."),
    ("text", "ValueError", "2D_UNIFORM_COLOR", V40, None, "Since 4.0 the shader is called UNIFORM_COLOR."),
    ("text", "ValueError", "3D_FLAT_COLOR", V40, None, "Since 4.0 the shader is called FLAT_COLOR."),
    ("module", "", "bgl", None, None, "bgl was removed in 5.0: draw with the gpu module."),
    ("module", "", "imp", None, None, "imp was removed in Python 3.12: use importlib."),
    # --- older code
    ("attribute", "Object", "select", None, None, _SELECTED % "object.select_set(True) and object.select_get()"),
    ("attribute", "Object", "hide", None, None, _SELECTED % "object.hide_set(True) or object.hide_viewport"),
    ("attribute", "Object", "layers", None, None, "Since 2.80 objects are in collections: object.users_collection."),
    ("attribute", "Object", "dupli_group", None, None, _SELECTED % "object.instance_collection"),
    ("attribute", "Object", "draw_type", None, None, _SELECTED % "object.display_type"),
    ("attribute", "Object", "proxy", None, None, "Since 3.0 it is a library override: object.override_library."),
    ("attribute", "Collection", "hide", None, None, "It is collection.hide_viewport."),
    ("attribute", "Scene", "update", None, None, _SELECTED % "bpy.context.view_layer.update()"),
    ("attribute", "Scene", "cursor_location", None, None, _SELECTED % "scene.cursor.location"),
    ("attribute", "Camera", "dof_distance", None, None, _SELECTED % "camera.dof.focus_distance"),
    ("attribute", "BlendData", "groups", None, None, _SELECTED % "bpy.data.collections"),
    ("attribute", "BlendData", "lamps", None, None, _SELECTED % "bpy.data.lights"),
    ("attribute", "Context", "user_preferences", None, None, _SELECTED % "bpy.context.preferences"),
    ("attribute", "Context", "asset_file_handle", V40, None, "Since 4.0 it is bpy.context.asset."),
    ("attribute", "bpy_prop_collection", "link", None, None, "It is scene.collection.objects.link(object) since 2.80."),
    (
        "attribute",
        "bpy_prop_collection",
        "unlink",
        None,
        None,
        "Objects are unlinked from a collection: collection.objects.unlink(object).",
    ),
    (
        "attribute",
        "bpy_prop_collection",
        "active",
        None,
        None,
        "The active object is bpy.context.view_layer.objects.active.",
    ),
    ("attribute", "bpy.app.handlers", "scene_update_post", None, None, _SELECTED % "depsgraph_update_post"),
    ("attribute", "bpy.app.handlers", "scene_update_pre", None, None, _SELECTED % "depsgraph_update_pre"),
    (
        "attribute",
        "bpy.utils",
        "register_module",
        None,
        None,
        _SELECTED % "bpy.utils.register_class, once for each class",
    ),
    ("type", "", "Sequence", V44, None, "Since 4.4 it is Strip."),
    ("type", "", "Strip", None, V44, "Before 4.4 it is Sequence."),
    *(
        ("type", "", kind + "Sequence", V44, None, "Since 4.4 it is %sStrip." % kind)
        for kind in ("Sound", "Movie", "Image", "Scene", "Meta", "Effect", "Color", "Text", "Mask", "MovieClip")
    ),
)
