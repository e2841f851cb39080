# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of Blender's own on chosen objects, with the selection as it was before.

In: objects and the operator. Out: what the operator did, or the Problem `call_failed` with Blender's own words.
Used only where bpy.data has nothing for it (applying, joining, converting).
"""

from contextlib import contextmanager

import bpy

from . import placing
from .bridgekit.problem import Problem


@contextmanager
def chosen(objects, active=None):
    """Only these objects are selected and visible inside, `active` (else the first) is the active one."""
    placing.leave_edit_mode()
    layer = bpy.context.view_layer
    layer.update()
    active = active or objects[0]
    for one in objects:
        if one.name not in layer.objects:
            raise Problem(
                "call_failed",
                "%r is not in the view layer %r of the active scene." % (one.name, layer.name),
                hint="Make its scene active with scene.set, or link it into a collection that is not excluded.",
            )
    before = {one.name for one in layer.objects.selected}
    was = layer.objects.active.name if layer.objects.active else None
    hidden = [(one, one.hide_viewport, one.hide_get()) for one in objects if one.hide_viewport or one.hide_get()]
    try:
        for one, _everywhere, _here in hidden:
            one.hide_viewport = False
            one.hide_set(False)
        select({one.name for one in objects})
        for one in objects:
            if not one.visible_get():
                raise Problem(
                    "call_failed",
                    "%r is hidden along with its collection, and Blender cannot work on it while it is." % one.name,
                    hint="Show it with collection.set and visible_in_viewport=true.",
                )
        layer.objects.active = active
        with bpy.context.temp_override(
            active_object=active, object=active, selected_objects=objects, selected_editable_objects=objects
        ):
            yield
    finally:
        gone = {one.name for one in bpy.data.objects}
        for one, everywhere, here in _still(hidden):
            one.hide_set(here)
            one.hide_viewport = everywhere
        select(before & gone)
        layer.objects.active = layer.objects.get(was) if was else None


def select(wanted):
    """Selects the objects of these names in the view layer, and no others."""
    for one in bpy.context.view_layer.objects:
        one.select_set(one.name in wanted)


def run(operator, **options):
    """Calls an operator. Raises call_failed with what Blender says."""
    try:
        ended = operator(**options)
    except RuntimeError as error:
        said = str(error).strip().replace("Error: ", "")
        raise Problem("call_failed", "Blender refused: %s" % said) from None
    if "FINISHED" not in ended:
        raise Problem("call_failed", "Blender did not do it.", hint="The log of the call shows what Blender said.")


def _still(hidden):
    """Those that the operator has not removed."""
    there = set(bpy.data.objects)
    return [each for each in hidden if each[0] in there]
