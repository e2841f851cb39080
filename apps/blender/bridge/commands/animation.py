# SPDX-License-Identifier: GPL-3.0-or-later
"""animation.*: keyframes of objects, their data, materials, worlds and scenes."""

import bpy

from .. import host, keys, names, versions
from ..bridgekit.problem import Problem
from ..command_table import table

# Collections whose things animation.list looks through, and what `of` they are.
_CARRIERS = (("objects", "object"), ("materials", "material"), ("worlds", "world"), ("scenes", "scene"))
# Things that animation.list tells at most.
LISTED_MAX = 500


@table.command("animation.keyframe", effect="write")
def keyframe(call, name, path, frames=None, values=None, of="object", interpolation="bezier", repeat=None):
    track = keys.track(of, name, path)
    scene = bpy.context.scene
    frames = [scene.frame_current] if frames is None else frames
    _check(track, frames, values)
    before = scene.frame_current, scene.frame_subframe
    for number, frame in enumerate(frames):
        if values is not None:
            track.put(values[number])
        else:
            scene.frame_set(int(frame // 1), subframe=frame % 1)
        track.key(frame)
    curves = track.curves()
    wanted = {round(frame, 4) for frame in frames}
    for curve in curves:
        for point in curve.keyframe_points:
            if round(point.co.x, 4) in wanted:
                point.interpolation = interpolation.upper()
        _repeat(curve, repeat)
        curve.update()
    scene.frame_set(before[0], subframe=before[1])
    _note(of, name)
    return {"name": name, "of": of, "curves": [keys.describe(track.owner, one, 1000) for one in curves]}


@table.command("animation.get", effect="read")
def get(call, name, of="object", path=None, limit=2000):
    told, total, left = [], 0, limit
    chosen = _curves(of, name, path)
    for owner, curve in chosen:
        total += len(curve.keyframe_points)
        if left > 0:
            told.append(keys.describe(owner, curve, left))
            left -= len(told[-1]["keys"])
    frames = [round(end, 4) for _owner, curve in chosen for end in curve.range()]
    return {
        "name": name,
        "of": of,
        "curves": told,
        "keys": total,
        "frames": [min(frames), max(frames)] if frames else None,
    }


@table.command("animation.list", effect="read")
def list_(call):
    told = []
    for collection, of in _CARRIERS:
        for one in getattr(bpy.data, collection):
            for carrier, what in _carriers(one, of):
                curves = versions.curves(carrier)
                if curves and len(told) < LISTED_MAX:
                    told.append(_summary(one, what, carrier, curves))
    return {"animated": told}


@table.command("animation.clear", effect="destructive")
def clear(call, name, of="object", path=None, frame_start=None, frame_end=None):
    chosen = _curves(of, name, path)
    removed = 0
    for owner, curve in chosen:
        points = curve.keyframe_points
        inside = [
            one
            for one in points
            if (frame_start is None or one.co.x >= frame_start) and (frame_end is None or one.co.x <= frame_end)
        ]
        removed += len(inside)
        if len(inside) == len(points):
            versions.remove_curve(owner, curve)
            continue
        for frame in [one.co.x for one in inside]:
            points.remove(next(one for one in points if one.co.x == frame))
        curve.update()
    for owner in keys.owners(of, name):
        _drop_empty_action(owner)
    _note(of, name)
    left = len(_curves(of, name, None))
    return {"name": name, "of": of, "removed": removed, "curves_left": left}


def _check(track, frames, values):
    bad = [one for one in frames if isinstance(one, bool) or not isinstance(one, (int, float))]
    if bad or not frames:
        raise Problem("arguments_invalid", "`frames` must be numbers.", hint="For example [1, 30, 60].")
    if values is None:
        return
    if len(values) != len(frames):
        raise Problem(
            "arguments_invalid",
            "There are %d frames but %d values." % (len(frames), len(values)),
            hint="Pass one value per frame.",
        )
    for value in values:
        track.check(value)


def _repeat(curve, repeat):
    if repeat is None:
        return
    for one in [one for one in curve.modifiers if one.type == "CYCLES"]:
        curve.modifiers.remove(one)
    if repeat:
        curve.modifiers.new("CYCLES")


def _curves(of, name, path):
    """[(owner, curve)] of a thing; with a path only those of that property. Raises not_found."""
    if path is None:
        return [(owner, one) for owner in keys.owners(of, name) for one in versions.curves(owner)]
    track = keys.track(of, name, path)
    found = [(track.owner, one) for one in track.curves()]
    if not found:
        animated = sorted({one.data_path for owner in keys.owners(of, name) for one in versions.curves(owner)})
        raise Problem("not_found", "%r of %r is not animated." % (path, name), hint=names.near(track.path, animated))
    return found


def _carriers(one, of):
    """A thing and what belongs to it: its data, its shape keys, its nodes."""
    found = [(one, of)]
    if of == "object" and one.data is not None:
        found.append((one.data, "data"))
        if getattr(one.data, "shape_keys", None) is not None:
            found.append((one.data.shape_keys, "shape_key"))
    if of in ("material", "world") and one.node_tree is not None:
        found.append((one.node_tree, of))
    return found


def _summary(one, of, carrier, curves):
    first = min(curve.range()[0] for curve in curves)
    last = max(curve.range()[1] for curve in curves)
    return {
        "name": one.name,
        "of": of,
        "action": carrier.animation_data.action.name,
        "paths": sorted({curve.data_path for curve in curves}),
        "frames": [round(first, 4), round(last, 4)],
    }


def _drop_empty_action(owner):
    """An action without curves goes; a shared one only loses this user."""
    data = owner.animation_data
    if data is None or data.action is None or versions.curves(owner):
        return
    action = data.action
    data.action = None
    if action.users == 0:
        bpy.data.actions.remove(action)


def _note(of, name):
    if of in ("object", "data", "shape_key"):
        host.current().changed("object", name)
    else:
        host.current().changed(of, name)
