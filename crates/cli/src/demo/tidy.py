# SPDX-License-Identifier: MIT OR Apache-2.0
# ruff: noqa: F821
# Runs in Blender by code.run, which has `bpy` ready. Removes what an earlier demo left, and Blender's usual
# cube, camera and light while nothing else was done in their scene.
current = bpy.context.scene
usual = {"Cube", "Camera", "Light"}
for scene in [*bpy.data.scenes]:
    old = scene.name.startswith("Kapelle Demo")
    untouched = not bpy.data.filepath and {thing.name for thing in scene.objects} == usual
    if scene == current or not (old or untouched):
        continue
    for thing in [*scene.objects]:
        bpy.data.objects.remove(thing, do_unlink=True)
    bpy.data.scenes.remove(scene)
for kind in (bpy.data.meshes, bpy.data.materials, bpy.data.lights, bpy.data.cameras, bpy.data.actions):
    for thing in [one for one in kind if one.users == 0]:
        kind.remove(thing)
current.name = "Kapelle Demo"
try:
    import _cycles

    denoises = bool(_cycles.with_openimagedenoise)
except (ImportError, AttributeError):
    denoises = False
{"denoises": denoises}
