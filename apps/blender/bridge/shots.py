# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of views that are kept for the caller: a PNG in Kapelle's home and the same bytes as a blob.

In: pictures, or views that Cycles shall compute in a child process. Out: the value of viewport.screenshot and
viewport.sheet. The folder is bounded: the oldest pictures go.
"""

import os
import time

from . import paths, pixels
from .bridgekit.problem import Problem
from .render import Work

# Pictures kept in KAPELLE_HOME/screenshots.
KEPT_MAX = 200


def told(call, picture, **more):
    """The value for a picture: {"image": {"$blob", …, "width", "height"}, "path", …}."""
    data = picture.png()
    path = _kept(data, more.get("view") or "sheet")
    image = dict(call.blob(data, media_type="image/png"), width=picture.width, height=picture.height)
    return dict({"image": image, "path": path}, **more)


def check_size(width, height):
    """Raises arguments_invalid for a picture that nobody can look at."""
    if max(width, height) > pixels.SIDE_MAX:
        raise Problem(
            "arguments_invalid",
            "The picture would have %d x %d pixels." % (width, height),
            hint="The most is %d along a side; use smaller or fewer pictures." % pixels.SIDE_MAX,
        )


def cycles_job(scene, views, width, height, samples):
    """The settings of a child that computes views."""
    return {
        "scene": scene.name,
        "scripts": False,
        "engine": "cycles",
        "samples": samples,
        "width": width,
        "height": height,
        "percentage": 100,
        "camera": None,
        "transparent": None,
        "frame": None,
        "views": [
            {"camera": one.camera, "lens": one.lens, "place": [number for row in one.place for number in row]}
            for one in views
        ],
    }


def cycles(settings):
    """Work that computes views; `pictures(told)` of what it tells are Pictures in the same order."""
    count = len(settings["views"])
    work = Work(
        "views", settings, lambda heard: work.part(heard["view"] / count, 1.0 / count) if "view" in heard else 0
    )
    work.part(0.0, 1.0 / count)
    return work


def pictures(told):
    """The Pictures of a finished child."""
    made = []
    for path in told["files"]:
        with open(path, "rb") as raw:
            made.append(pixels.Picture(told["width"], told["height"], bytearray(raw.read())))
    return made


def probe(call):
    """Lets another process open the graphics card. None when it could, else why not."""
    work = Work("card", {"scripts": False})
    try:
        call.progress(None, "looking for a way to draw without a display")
        work.run_now(call)
    except Problem as problem:
        if call.cancelled:
            raise
        return "another process tried, and %s" % _reason(problem)
    return None


def _reason(problem):
    said = [
        line for line in (problem.details or {}).get("output", ()) if "EGL" in line or "GPU" in line or "GL" in line
    ]
    why = problem.message.partition(": ")[2] or problem.message
    return "%s (%s)" % (why.rstrip("."), said[-1]) if said else why


def _kept(data, name):
    folder = os.path.join(paths.home(), "screenshots")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "%03d" % (now % 1 * 1000)
    path = os.path.join(folder, "%s-%s.png" % (stamp, name))
    count = 1
    while os.path.lexists(path):
        count += 1
        path = os.path.join(folder, "%s-%s-%d.png" % (stamp, name, count))
    with open(path, "wb") as out:
        out.write(data)
    # The new one stays, whatever its name says: the clock may have been set back.
    others = sorted(one for one in os.listdir(folder) if one.endswith(".png") and one != os.path.basename(path))
    for old in others[: 1 - KEPT_MAX]:
        try:
            os.remove(os.path.join(folder, old))
        except OSError:
            pass
    return path
