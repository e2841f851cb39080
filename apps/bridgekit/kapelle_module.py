# SPDX-License-Identifier: MIT OR Apache-2.0
"""The module `kapelle` inside a caller's code: what code can say to those who wait for it.

    kapelle.progress(0.5, "half of the objects")

It is in every namespace and can be imported. It finds the call by the thread it runs on; where no call
runs (a timer, a thread of the code's own) it does nothing.

There is one `kapelle` for code: where a package of that name can be imported as well (the client that programs outside
use, or our add-on in a Blender of 3.x), `import kapelle` gives that package, with these two functions in it.

In: `install` and `remove`, as a bridge comes and goes, and `offer` before each piece of code. Out: `MODULE`.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
import types

NAME = "kapelle"
# Thread ident -> the call that runs on it; filled by the executor.
RUNNING = {}


def progress(fraction, text=""):
    """Says how far the call is: `fraction` from 0 to 1 (or None when it cannot be told), and a text."""
    call = RUNNING.get(threading.get_ident())
    if call is not None:
        call.progress(fraction, text)


def log(level, text):
    """Adds a record to the outcome's logs. `level` is debug, info, warning or error."""
    call = RUNNING.get(threading.get_ident())
    if call is not None:
        call.log(level, text, "code")


OFFERED = {"progress": progress, "log": log}


class _Module(types.ModuleType):
    """What there is where no package of that name can be imported, and what every namespace begins with."""

    def __getattr__(self, name):
        real = None
        if not name.startswith("__"):
            real = sys.modules.get(NAME) or importlib.import_module(NAME)
        if real is None or real is self:
            raise AttributeError(
                "module 'kapelle' has no attribute %r: inside an application it offers %s" % (name, ", ".join(OFFERED))
            )
        return getattr(real, name)


MODULE = _Module(NAME, __doc__)
MODULE.__dict__.update(OFFERED, __all__=list(OFFERED))


def install():
    """From here on `import kapelle` works in this process; what another bridge in it had put there goes."""
    sys.meta_path[:] = [one for one in sys.meta_path if not getattr(one, "offers_kapelle", False)]
    sys.meta_path.insert(0, _FINDER)
    if getattr(sys.modules.get(NAME), "__loader__", None) is None and type(sys.modules.get(NAME)) is not _Module:
        sys.modules.pop(NAME, None)  # of another bridge, which made it by hand
    offer()
    return MODULE


def remove():
    """The bridge goes: code that asks for `kapelle` finds what it finds without us."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    if sys.modules.get(NAME) is MODULE:
        del sys.modules[NAME]


def offer():
    """Puts the functions into whatever `kapelle` is now, also if a caller's code or an import has replaced them."""
    found = sys.modules.get(NAME)
    if found is not None and getattr(found, "progress", None) is not progress:
        _add(found)


def _add(module):
    for name, function in OFFERED.items():
        try:
            setattr(module, name, function)
        except (AttributeError, TypeError):
            pass  # not a module: somebody's code has put it there


class _Finder(importlib.abc.MetaPathFinder):
    """Stands before the others, and looks what they find."""

    offers_kapelle = True

    def find_spec(self, fullname, path=None, target=None):
        if fullname != NAME:
            return None
        for other in sys.meta_path:
            find = None if getattr(other, "offers_kapelle", False) else getattr(other, "find_spec", None)
            spec = find(fullname, path, target) if find is not None else None
            # A folder without an __init__.py is no package of anybody's, only a folder of that name.
            if spec is not None and spec.loader is not None and spec.origin is not None:
                spec.loader = _Adding(spec.loader)
                return spec
        return importlib.machinery.ModuleSpec(NAME, _Standing())


class _Adding(importlib.abc.Loader):
    """Loads the package as its own loader does, and adds our functions."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _add(module)

    def __getattr__(self, name):
        return getattr(self._loader, name)


class _Standing(importlib.abc.Loader):
    def create_module(self, spec):
        return MODULE

    def exec_module(self, module):
        pass


_FINDER = _Finder()
