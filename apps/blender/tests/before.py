# SPDX-License-Identifier: MIT OR Apache-2.0
"""What has to be there before an example runs, where a default scene lacks it: the example of another command."""

# Command -> commands whose examples run first.
BEFORE = {
    "collection.delete": ("collection.create",),
    "collection.unlink": ("collection.link",),
    "constraint.set": ("constraint.add",),
    "constraint.remove": ("constraint.add",),
    "modifier.set": ("modifier.add",),
    "modifier.apply": ("modifier.add",),
    "modifier.remove": ("modifier.add",),
    "object.join": ("object.duplicate",),
    "scene.delete": ("scene.new",),
    "render.sheet": ("render.frames",),
    "render.film": ("render.frames",),
    "history.undo": ("object.create",),
    "history.redo": ("object.create", "history.undo"),
    "history.revert": ("object.create",),
}
