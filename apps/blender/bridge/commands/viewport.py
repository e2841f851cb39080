# SPDX-License-Identifier: GPL-3.0-or-later
"""viewport.*: pictures of the scene to look at. Nothing of the open file changes, nor what the artist sees."""

import time

import bpy

from .. import drawing, pixels, shots, versions, viewpoints
from ..bridgekit.call import Deferred
from ..bridgekit.problem import Problem
from ..command_table import table
from ..render import with_copy

# Height of a picture for a width of one, where nothing else says it.
_SHAPE = 0.75
# Views of one sheet.
_VIEWS_MAX = 24


@table.command("viewport.screenshot", effect="read")
def screenshot(
    call,
    view="persp",
    objects=None,
    width=800,
    height=None,
    shading=None,
    overlays=None,
    azimuth=None,
    elevation=None,
    samples=16,
):
    if view == "current":
        return _current(call, width, height, shading, overlays)
    if height is None:
        shape = viewpoints.camera_shape(bpy.context.scene) if view == "camera" else _SHAPE
        height = max(16, round(width * shape))
    shots.check_size(width, height)
    framing = _once(objects)
    found = viewpoints.named(view, framing, width, height, azimuth, elevation)
    about = {"view": view, "shading": shading or "solid"}
    return _taken(call, [found], width, height, about, overlays, samples, lambda made: made[0])


@table.command("viewport.sheet", effect="read")
def sheet(
    call,
    views=("front", "right", "top", "persp"),
    turntable=6,
    objects=None,
    width=400,
    height=300,
    columns=None,
    labels=True,
    shading=None,
    overlays=None,
    elevation=None,
    samples=16,
):
    framing = _once(objects)
    found = []
    for one in views:
        if one == "turntable":
            found += viewpoints.around(turntable, elevation, framing, width, height)
        elif one in viewpoints.NAMED or one == "camera":
            found.append(viewpoints.named(one, framing, width, height))
        else:
            raise Problem(
                "arguments_invalid",
                "There is no view %r for a sheet." % one,
                hint="Views: %s, camera, turntable." % ", ".join(viewpoints.NAMED),
            )
    if not 1 <= len(found) <= _VIEWS_MAX:
        raise Problem(
            "arguments_invalid",
            "The sheet would have %d views." % len(found),
            hint="One sheet can have 1 to %d." % _VIEWS_MAX,
        )
    across = columns or next(n for n in range(1, 6) if n * n >= len(found))
    shots.check_size(*pixels.sheet_size(width, height, across, -(-len(found) // across)))
    about = {"views": [one.label for one in found], "shading": shading or "solid", "columns": across}

    def joined(made):
        for picture, one in zip(made, found):
            if labels:
                picture.write(one.label)
        return pixels.sheet(made, across)

    return _taken(call, found, width, height, about, overlays, samples, joined)


def _taken(call, views, width, height, about, overlays, samples, join):
    """The value, or a Deferred that gives it. `join` makes one picture of those of the views."""
    began = time.monotonic()
    shading = about["shading"]
    if shading == "rendered" and not _draws_rendered():
        scene = bpy.context.scene
        work = with_copy(shots.cycles(shots.cycles_job(scene, views, width, height, samples)))

        def finish(told):
            more = {"engine": "cycles", "samples": told["samples"], "seconds": round(time.monotonic() - began, 3)}
            return shots.told(call, join(shots.pictures(told)), **about, **more)

        return Deferred(lambda call: work.run(call, finish))
    drawing.ready(lambda: shots.probe(call))
    drawing.check(shading)
    made = [drawing.draw(one, width, height, shading, bool(overlays)) for one in views]
    engine = {"rendered": versions.engine_name(bpy.context.scene), "material": "eevee"}.get(shading, "workbench")
    return shots.told(call, join(made), **about, engine=engine, seconds=round(time.monotonic() - began, 3))


def _current(call, width, height, shading, overlays):
    """The artist's own view."""
    began = time.monotonic()
    space, region = drawing.current()
    if height is None:
        height = max(16, round(width * region.height / max(1, region.width)))
    shots.check_size(width, height)
    picture, note = drawing.draw_current(space, region, width, height, shading, overlays)
    about = {"view": "current", "shading": shading or ("solid" if note else space.shading.type.lower())}
    if note:
        about["note"] = note
    return shots.told(call, picture, **about, seconds=round(time.monotonic() - began, 3))


def _draws_rendered():
    """Whether "rendered" is drawn here: the scene is EEVEE's, and there is a graphics card."""
    if bpy.app.background or versions.engine_name(bpy.context.scene) != "eevee":
        return False
    return drawing.card()[1]


def _once(objects):
    """A function that gives the Framing, computed when it is first needed."""
    kept = []

    def framing():
        if not kept:
            kept.append(viewpoints.Framing(objects))
        return kept[0]

    return framing
