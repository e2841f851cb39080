# SPDX-License-Identifier: GPL-3.0-or-later
"""What is worth knowing about the open file, small enough to be pushed after every change.

In: the running Blender. Out: one JSON object. On the main thread only. It is a summary: the commands
`scene.get`, `object.list` and `object.get` tell more.
"""

from collections import Counter

import bpy

from . import versions

# Names of selected objects that are told.
SELECTED_MAX = 50


def summary(dirty, revision):
    """The state: file, dirty, revision, scene, frame, range, engine, object counts, active, selected."""
    scene = bpy.context.scene
    told = {
        "file": bpy.data.filepath or None,
        "dirty": bool(dirty),
        "revision": revision,
        "version": versions.text(),
        "scene": scene.name if scene else None,
    }
    if scene is None:
        return told
    objects = list(scene.objects)
    counts = Counter(one.type.lower() for one in objects)
    layer = bpy.context.view_layer
    active = layer.objects.active if layer else None
    selected = layer.objects.selected if layer else ()
    told.update(
        frame=scene.frame_current,
        range=[scene.frame_start, scene.frame_end],
        engine=versions.engine_name(scene),
        objects=dict(sorted(counts.items())),
        object_count=len(objects),
        active=active.name if active else None,
        selected=[one.name for one in selected[:SELECTED_MAX]],
        selected_count=len(selected),
        camera=scene.camera.name if scene.camera else None,
        scenes=len(bpy.data.scenes),
    )
    return told
