# SPDX-License-Identifier: GPL-3.0-or-later
"""The windows of a Blender that matter to a render: the artist's own, and those in which Blender shows what it renders.

In: the scene that is rendered. Out: the window in which Blender's job begins, and render windows that show that scene.
What is changed here is told as our doing, not as the artist's. It starts and stops nothing (see render_modal.py).
"""

import bpy

from . import host, versions
from .bridgekit.problem import Problem


def main_window():
    """A window of the artist's, not one that shows a render."""
    windows = bpy.context.window_manager.windows
    return next((one for one in windows if not one.screen.is_temporary), windows[0])


def window_for(copy):
    """The window in which the render begins. Where Blender renders only what is shown it is the render window, and that
    has the copy already: to show it just after the job began ended 4.3.2 by SIGSEGV in the render thread."""
    if not versions.renders_only_what_is_shown():
        return main_window()
    if not any(shown_in()):
        _open()
    show(copy)
    for window in shown_in():
        return window
    raise Problem(
        "call_failed",
        "Blender opened no window for the render.",
        hint="Pass background=true to use a separate process.",
    )


def opens_one():
    """Whether Blender shows a render in a window of its own, which alone can show our copy."""
    return bpy.context.preferences.view.render_display_type == "WINDOW"


def shown_in():
    """Windows that Blender opened to show a render. One that belongs to another window shares its scene."""
    for window in bpy.context.window_manager.windows:
        areas = [one for one in window.screen.areas if one.type == "IMAGE_EDITOR"]
        if window.screen.is_temporary and window.parent is None and areas:
            yield window


def show(scene):
    """Lets the render window show the render of this scene: it shows that of its own scene only."""
    if scene is None:
        return
    with ours():
        for window in shown_in():
            if window.scene != scene:
                window.scene = scene


def pointers(windows):
    """What tells these windows from others, also once they are closed."""
    return {one.as_pointer() for one in windows}


class ours:
    """What Blender announces meanwhile is our own doing and no artist's."""

    def __enter__(self):
        self._watch = host.current().watch
        self._before, self._watch.ours = self._watch.ours, True

    def __exit__(self, *error):
        # What waits to be announced is announced now, and not when Blender draws.
        for window in bpy.context.window_manager.windows:
            window.view_layer.update()
        self._watch.ours = self._before


def _open():
    """Blender opens none where an image editor shows a render already, so none does for this moment."""
    spaces = [
        area.spaces.active
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR"
    ]
    shown = [(one, one.image) for one in spaces if one.image is not None and one.image.type == "RENDER_RESULT"]
    try:
        for space, _image in shown:
            space.image = None
        with bpy.context.temp_override(window=main_window()):
            bpy.ops.render.view_show("INVOKE_DEFAULT")
    finally:
        for space, image in shown:
            space.image = image
