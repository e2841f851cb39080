# SPDX-License-Identifier: MIT OR Apache-2.0
# ruff: noqa: F821
"""Runs in Blender by code.run, which has `bpy` ready.

Removes what an earlier demo left, and Blender's usual cube, camera and light while nothing else was done in
their scene. Its value tells whether Cycles can denoise.
"""

current = bpy.context.scene
usual = {"Cube", "Camera", "Light"}
held = set()
for scene in [*bpy.data.scenes]:
    old = scene.name.startswith("Kapelle Demo")
    untouched = not bpy.data.filepath and {thing.name for thing in scene.objects} == usual
    if scene == current or not (old or untouched):
        continue
    for thing in [*scene.objects]:
        moves = thing.animation_data and thing.animation_data.action
        held.update(filter(None, (thing.data, moves, *(slot.material for slot in thing.material_slots))))
        bpy.data.objects.remove(thing, do_unlink=True)
    bpy.data.scenes.remove(scene)
for _ in range(2):  # materials come free when their meshes are gone
    unused = {one for one in held if one.users == 0}
    held -= unused
    bpy.data.batch_remove(list(unused))
current.name = "Kapelle Demo"
try:
    import _cycles

    denoises = bool(_cycles.with_openimagedenoise)
except (ImportError, AttributeError):
    denoises = False
_result = {"denoises": denoises}
