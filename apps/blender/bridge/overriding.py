# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators under an override of the context, with our threads at rest while they run.

Up to 5.0 (Python 3.11) an operator under `bpy.context.temp_override(…)`, or in 3.x with a context as a dict, has let go
of the interpreter and reads the override, a Python dict, all the same as soon as any other thread of Python runs. That
is Blender's fault, and ends it with a segmentation fault: in 3.4 and 4.5 within seconds where one thread wakes up a
thousand times a second, never in 5.2. Our threads wake up a few times a second, so we hold them: bridgekit/still.py.

In: `install` and `remove`. Out: `temp_override` and the way to all operators, whoever uses them, an artist's other
add-ons included. A long operator under an override looks to the hub like one that holds the interpreter. Threads that
others have started are not held.
"""

import sys
from collections import deque

import bpy

from . import versions
from .bridgekit import still

_asked_for = deque(maxlen=1)  # not empty once there was an override, until the call or tick has ended
_before = {}  # what was there before `install`; kept after `remove`, for whoever has kept ours
_installed = []  # the class of the context, while ours are there


def install():
    """Where it is needed; twice is once."""
    ops, context = sys.modules["bpy.ops"], type(bpy.context)
    if _installed or not still.NEEDED or not hasattr(context, "temp_override") or "_op_call" not in vars(ops):
        return
    _installed.append(context)
    _before.update(override=vars(context)["temp_override"], call=ops._op_call)
    context.temp_override = _temp_override
    ops._op_call = _call


def remove():
    """Puts back what was there, unless somebody else has replaced ours."""
    if not _installed:
        return
    ops, context = sys.modules["bpy.ops"], _installed.pop()
    if vars(context).get("temp_override") is _temp_override:
        context.temp_override = _before["override"]
    if ops._op_call is _call:
        ops._op_call = _before["call"]
    forget()


def forget():
    """Between calls and ticks: no override is entered, and nothing is held, whatever an interrupt left."""
    if _asked_for:
        _asked_for.clear()
    still.end(all_of_them=True)


def _temp_override(context, *args, **members):
    # Blender's own comes back as it is. Around its entering and leaving there may be no step of Python: an interrupt
    # there would leave the override in Blender's context for good.
    _asked_for.append(True)
    return _before["override"](context, *args, **members)


def _call(name, *args):
    if not _asked_for and not versions.context_as_dict(args):
        return _before["call"](name, *args)
    try:
        still.begin()
        return _before["call"](name, *args)
    finally:
        # The threads that shoot rest as well: an interrupt can come in here once, and not twice.
        try:
            still.end()
        except BaseException:
            still.end(all_of_them=True)
            raise
