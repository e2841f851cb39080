# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that would end or reset the program are refused before they run, while a call runs.

In: the operators that a caller's code calls through `bpy.ops`. Out: the call as it was, with its reports
collected (see reports.py), or the Problem `operator_refused` with what to do instead. Between calls nothing is
in the way: an artist's own scripts and menus may quit. It is a fence against accidents and no sandbox: code
that looks for a way around (`_bpy.ops`, `os._exit`) finds one.

How: up to 5.0 every operator goes through the name `_op_call` in Blender's own `bpy/ops.py`, since 5.1 through
`_op_create_function` there; that name is exchanged by `arm` and put back by `disarm`.
"""

import sys
from contextlib import contextmanager

import bpy  # noqa: F401  puts bpy.ops into sys.modules

from . import reports
from .bridgekit.interrupt import Interrupt
from .bridgekit.problem import Problem, stop

_FRESH = "Use the command file.new for an empty or a default file; it keeps the connection."
_PREFERENCES = "It would unload the add-on that runs this call. Set single values in bpy.context.preferences."
_STOP = ["To end this Blender: ", stop(), ". To end only your code, raise an exception or return."]

# Operator -> what to do instead.
REFUSED = {
    "wm.quit_blender": _STOP,
    "wm.window_close": _STOP,
    "wm.read_factory_settings": _FRESH,
    "wm.read_homefile": _FRESH,
    "wm.read_userpref": _PREFERENCES,
    "wm.read_factory_userpref": _PREFERENCES,
    "script.reload": "It would unload the add-on that runs this call. Reload one module with importlib.reload.",
}
# Operators that open a file, with or without the Python in it.
_OPENING = frozenset(("wm.open_mainfile", "wm.revert_mainfile", "wm.recover_last_session", "wm.recover_auto_save"))
# Not empty while `quietly` runs an operator.
_hushed = []


class Guards:
    """The fence. `keep(record)` takes the reports of operators; `opening(scripts)` is told before a file is opened,
    with what was said of its scripts, or None."""

    def __init__(self, keep, opening):
        self._keep = keep
        self._opening = opening
        self._ops = sys.modules["bpy.ops"]
        # Not hasattr: the module answers to every name, as if it were a group of operators.
        self._name = "_op_create_function" if "_op_create_function" in vars(self._ops) else "_op_call"
        self._original = None
        self._mine = None
        self._running = None
        self._lifted = False

    def arm(self, call):
        """Puts the fence up for a call. Twice is once."""
        self._running = call
        if self._original is not None:
            return
        self._original = getattr(self._ops, self._name)
        self._mine = self._create if self._name == "_op_create_function" else self._call
        setattr(self._ops, self._name, self._mine)

    def disarm(self):
        """Takes it down, and a sieve that an interrupt left in front of `sys.stdout` with it."""
        if self._original is not None and getattr(self._ops, self._name) == self._mine:
            setattr(self._ops, self._name, self._original)
        self._original = self._mine = self._running = None
        self._lifted = False
        _hushed.clear()
        while isinstance(sys.stdout, reports.Sieve):
            sys.stdout = sys.stdout._target

    @contextmanager
    def lifted(self):
        """For our own commands, which know what they do."""
        self._lifted = True
        try:
            yield
        finally:
            self._lifted = False

    def check(self, idname, options):
        """Raises the Problem operator_refused."""
        if self._lifted:
            return
        instead = REFUSED.get(idname)
        if idname == "wm.save_mainfile" and options.get("exit"):
            instead = ["Leave out exit=True. ", *_STOP]
        if idname == "preferences.addon_disable" and _is_ours(options.get("module")):
            instead = "This add-on is running the call. Disable it in Blender's preferences."
        if instead is not None:
            raise Problem(
                "operator_refused",
                "bpy.ops.%s would quit or reset this Blender, so it was not run." % idname,
                hint=instead,
                details={"operator": idname},
            )

    def _call(self, idname, *args):
        # (idname, context, options, …) up to 3.x and (idname, options, …) since 4.0.
        options = next((one for one in args[1::-1] if isinstance(one, dict)), {})
        return self.run(idname, options, self._original, (idname, *args), {})

    def run(self, idname, options, operator, args, named):
        """Checks, calls, collects the reports.

        A shot at a cancelled call may land in a handler that Blender calls inside of the operator, and Blender
        swallows it there: mostly, when the operator spends its time in C. So it is looked for here as well.
        """
        self.check(idname, options)
        if idname in _OPENING:
            self._opening(options.get("use_scripts"))
        with reports.sieved("bpy.ops." + idname, _drop if _hushed else self._keep):
            ended = operator(*args, **named)
        if self._running is not None and self._running.ending:
            raise Interrupt
        return ended

    def _create(self, module, name):
        return _Guarded(self, self._original(module, name), "%s.%s" % (module, name))


class _Guarded:
    """An operator of 5.1 and later, with the fence before it. Everything else is the operator's own."""

    __slots__ = ("_guards", "_operator", "_idname")

    def __init__(self, guards, operator, idname):
        self._guards = guards
        self._operator = operator
        self._idname = idname

    def __call__(self, *args, **options):
        return self._guards.run(self._idname, options, self._operator, args, options)

    def __getattr__(self, name):
        return getattr(self._operator, name)

    def __repr__(self):
        return repr(self._operator)

    def __str__(self):
        return str(self._operator)

    @property
    def __doc__(self):
        return self._operator.__doc__


def _drop(record):
    pass


def _is_ours(module):
    return bool(module) and str(module) == __package__


def quietly(operator, *args, **options):
    """Runs an operator of our own and drops its reports: they are not the caller's business."""
    _hushed.append(True)
    try:
        with reports.sieved("", _drop):
            return operator(*args, **options)
    finally:
        _hushed.pop()
