# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the scene off the screen, in this process, with a window and without one.

In: a View (see viewpoints.py), a size, a shading. Out: a Picture. On the main thread only. The settings of a 3D view
are exchanged while it draws and put back before Blender comes to redraw, so that the artist's view, selection, undo
history and dirty mark stay as they are. In background any 3D view of the open file's screens serves, and the
graphics card is opened first; where that cannot be done Blender aborts the whole process, so that a process of
its own tries it once before (`probe`).
"""

from contextlib import ExitStack, contextmanager

import bpy

from . import versions
from .bridgekit.problem import Problem
from .guards import quietly
from .pixels import Picture

# Our name -> Blender's.
SHADINGS = {"solid": "SOLID", "wireframe": "WIREFRAME", "material": "MATERIAL", "rendered": "RENDERED"}
# Words in the name of a graphics driver that computes on the processor.
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")
_INSTEAD = 'Pass shading="rendered": Cycles renders it on the CPU, in a separate process.'
_state = {"open": False, "refused": None}


def ready(probe):
    """Opens the graphics card. `probe()` tries it in another process and returns None or why it failed. Raises
    not_supported where Blender cannot draw."""
    if not bpy.app.background or _state["open"]:
        return
    if _state["refused"] is None:
        _state["refused"] = probe() or ""
    if _state["refused"]:
        raise Problem(
            "not_supported",
            "Blender cannot draw here without a display: %s." % _state["refused"].rstrip("."),
            hint=_INSTEAD + " The other shadings need OpenGL through EGL (Debian: libegl1, libgl1-mesa-dri), or --gui.",
        )
    open_card()
    _state["open"] = True


def open_card():
    """Lets Blender open the graphics card in background. It ends the process where there is none."""
    import gpu

    if hasattr(gpu, "init"):
        gpu.init()
        return
    before = set(bpy.data.images)
    scene = bpy.data.scenes.new("Kapelle")
    data = bpy.data.cameras.new("Kapelle")
    camera = bpy.data.objects.new("Kapelle", data)
    try:
        scene.camera = camera
        scene.render.engine = "BLENDER_WORKBENCH"
        scene.render.resolution_x = scene.render.resolution_y = 8
        scene.render.use_compositing = scene.render.use_sequencer = False
        with _without_handlers():
            quietly(bpy.ops.render.render, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(data)
        for one in set(bpy.data.images) - before:
            bpy.data.images.remove(one)


def card():
    """(name of the graphics card, whether it is one). Only after `ready`."""
    import gpu

    name = gpu.platform.renderer_get()
    return name, not any(word in name.lower() for word in _SOFTWARE)


def check(shading):
    """Raises not_supported for what would hold Blender up for minutes."""
    if shading != "material":
        return
    name, real = card()
    if not real:
        raise Problem(
            "not_supported",
            "Material shading uses EEVEE, which needs a graphics card. This machine has %s, which would take minutes."
            % name,
            hint=_INSTEAD,
        )


def draw(view, width, height, shading, overlays):
    """A Picture of the scene in its view layer."""
    space, region = _space()
    with ExitStack() as stack:
        if shading is not None:
            stack.enter_context(_held(space.shading, type=SHADINGS[shading]))
            if shading == "solid":
                stack.enter_context(
                    _held(
                        space.shading,
                        light="STUDIO",
                        color_type="MATERIAL",
                        show_xray=False,
                        background_type="THEME",
                    )
                )
        if overlays is not None:
            stack.enter_context(_held(space.overlay, show_overlays=overlays))
        return _drawn(space, region, view, width, height)


def current():
    """(space, region) of the artist's own largest 3D view. Raises not_supported without a window."""
    found = []
    if not bpy.app.background:
        for window in bpy.context.window_manager.windows:
            found += [(one.width * one.height, *_parts(one)) for one in window.screen.areas if one.type == "VIEW_3D"]
    if not found:
        raise Problem(
            "not_supported",
            "There is no 3D view on the screen.",
            hint='Use another view, such as "persp" or "camera".',
        )
    return max(found, key=lambda one: one[0])[1:]


def draw_current(space, region, width, height, shading, overlays):
    """(Picture, note or None) of the artist's own view as it is, except for what is given."""
    eye = region.data
    note = None
    rendered = space.shading.type == "RENDERED" and shading is None
    if rendered and versions.engine_name(bpy.context.scene) not in ("eevee", "workbench"):
        shading = "solid"
        note = "The view uses a render engine that cannot be drawn a second time, so this picture has solid shading."
    with ExitStack() as stack:
        if shading is not None:
            stack.enter_context(_held(space.shading, type=SHADINGS[shading]))
        if overlays is not None:
            stack.enter_context(_held(space.overlay, show_overlays=overlays))
        view = _Eye(eye.view_matrix.copy(), eye.window_matrix.copy())
        return _drawn(space, region, view, width, height), note


class _Eye:
    def __init__(self, matrix, projection):
        self.matrix = matrix
        self.projection = projection


def _drawn(space, region, view, width, height):
    import gpu

    context = bpy.context
    screen = gpu.types.GPUOffScreen(width, height)
    try:
        screen.draw_view3d(
            context.scene,
            context.view_layer,
            space,
            region,
            view.matrix,
            view.projection,
            do_color_management=True,
        )
        data = screen.texture_color.read()
        data.dimensions = width * height * 4
        return Picture.of_rgba(width, height, bytes(data))
    finally:
        screen.free()


def _space():
    """(space, region) of a 3D view to draw with: one that nobody sees, else one on the screen."""
    seen = {window.screen for window in bpy.context.window_manager.windows}
    for screen in sorted(bpy.data.screens, key=lambda one: one in seen):
        for area in screen.areas:
            if area.type == "VIEW_3D":
                return _parts(area)
    raise Problem(
        "not_supported",
        "No screen of the open file has a 3D view to draw with.",
        hint=_INSTEAD,
    )


def _parts(area):
    return area.spaces.active, next(one for one in area.regions if one.type == "WINDOW")


@contextmanager
def _held(owner, **values):
    """Sets attributes and puts them back."""
    before = {name: getattr(owner, name) for name in values}
    try:
        for name, value in values.items():
            if before[name] != value:
                setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            if getattr(owner, name) != value:
                setattr(owner, name, value)


@contextmanager
def _without_handlers():
    """Nobody's render handlers run for a picture that nobody sees."""
    lists = [getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers) if name.startswith("render_")]
    kept = [(one, list(one)) for one in lists if isinstance(one, list)]
    for one, _functions in kept:
        one.clear()
    try:
        yield
    finally:
        for one, functions in kept:
            one[:] = functions
