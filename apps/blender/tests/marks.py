# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which lines of a package run, where nothing can be traced: Debian's Blender crashes under a tracer.

`begin` makes every module of a package that is imported from then on mark each statement before it runs it. The marks
are a byte for each line in a file of the folder, shared by all processes, so that one which is killed has told as
well. `into` adds the files of a folder to what coverage measured. The statements themselves and their line numbers
stay as they are; a mark is one call of C. An `except` line counts when its part is entered; a tracer also counts one that
was tried.

Not marked: what stands in the package's own __init__.py, and `besides`. bridgekit is measured by its own tests: a mark
is one more place where an interrupt may land, and where it may not is what that package is careful about.
"""

import ast
import importlib.machinery
import mmap
import os
import sys

NAME = "_line_ran"
BESIDES = "bridgekit"


def begin(package, folder, besides=BESIDES):
    """Marks the modules of `package` (its full name) in `folder`, but not what is in its part `besides`."""
    if not any(getattr(one, "marks", None) == package for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder(package, folder, besides))


def marked(source, path):
    """The code of a module in which each statement calls `_line_ran(its line, 1)` first."""
    tree = ast.parse(source, path)
    _mark(tree)
    return compile(tree, path, "exec", dont_inherit=True)


def into(data, folder, root):
    """Adds to coverage's `data` what is in `folder`; `root` is where the sources of the package are."""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            lines = [line for line, ran in enumerate(file.read()) if ran]
        path = os.path.join(root, *name.split(".")) + ".py"
        data.add_lines({path if os.path.exists(path) else os.path.join(path[:-3], "__init__.py"): lines})


class _Finder:
    def __init__(self, package, folder, besides):
        self.marks = package
        self._folder = folder
        self._besides = f"{package}.{besides}"

    def find_spec(self, name, path=None, target=None):
        beside = name == self._besides or name.startswith(self._besides + ".")
        if beside or not name.startswith(self.marks + "."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.origin, os.path.join(self._folder, name[len(self.marks) + 1 :]))
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles anew, past any cache."""

    def __init__(self, name, path, marks):
        super().__init__(name, path)
        self._marks = marks

    def get_code(self, fullname):
        return marked(self.get_data(self.path), self.path)

    def exec_module(self, module):
        count = self.get_data(self.path).count(b"\n") + 2
        module.__dict__[NAME] = _bytes(self._marks, count).__setitem__
        super().exec_module(module)


def _bytes(path, count):
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(file).st_size < count:
            os.ftruncate(file, count)
        return mmap.mmap(file, count)
    finally:
        os.close(file)


def _mark(node):
    for name, value in ast.iter_fields(node):
        if not isinstance(value, list):
            continue
        if value and all(isinstance(one, ast.stmt) for one in value):
            setattr(node, name, _with_marks(node, value))
        for one in value:
            if isinstance(one, ast.AST):
                _mark(one)


def _with_marks(parent, body):
    made, calls = [], [_call(parent.lineno)] if isinstance(parent, ast.ExceptHandler) else []
    for one in body:
        lines = [each.lineno for each in getattr(one, "decorator_list", ())]
        calls += [_call(line) for line in [*lines, one.lineno]]
        if not _must_stay_first(one):
            made += calls
            calls = []
        made.append(one)
    return made + calls


def _must_stay_first(statement):
    """A docstring, `from __future__`."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _call(line):
    arguments = [ast.Constant(line), ast.Constant(1)]
    made = ast.Expr(ast.Call(ast.Name(NAME, ast.Load()), arguments, []))
    for one in ast.walk(made):
        one.lineno = one.end_lineno = line
        one.col_offset = one.end_col_offset = 0
    return made
