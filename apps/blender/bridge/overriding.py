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

import bpy

from .bridgekit import still

# Before 4.0 the first thing after an operator's name is a context as a dict, or None.
_DICT_MAY_COME = bpy.app.version < (4, 0)
_open = [0]  # overrides that have been entered
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
    """Nothing of a call stays behind, whatever an interrupt left."""
    _open[0] = 0
    still.end(all_of_them=True)


def _temp_override(context, *args, **members):
    return _Override(_before["override"](context, *args, **members))


def _call(name, *args):
    if not _open[0] and not (_DICT_MAY_COME and args and args[0]):
        return _before["call"](name, *args)
    with still.hold():
        return _before["call"](name, *args)


class _Override:
    """Blender's own, and a count of those that are entered."""

    __slots__ = ("_override",)

    def __init__(self, override):
        self._override = override

    def __enter__(self):
        _open[0] += 1
        try:
            return self._override.__enter__()
        except BaseException:
            _open[0] -= 1
            raise

    def __exit__(self, *error):
        try:
            return self._override.__exit__(*error)
        finally:
            _open[0] = max(0, _open[0] - 1)

    def __getattr__(self, name):
        return getattr(self._override, name)
