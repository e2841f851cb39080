# SPDX-License-Identifier: MIT OR Apache-2.0
"""Looks through a caller's code before it runs: what in it is dangerous, and what its scopes do not allow.

In: a source, a table of dangers (names -> kind), and what is known of names that earlier calls left. Out: findings with
line, name and kind; `refuse` raises the Problem `forbidden`. Nothing of the code runs.

It is no sandbox, and nothing may rely on it as if it were: code that hides what it calls (by getattr, by strings, by
what an earlier call or a library defines) gets past it. It keeps honest code of a limited caller from doing by
accident what that caller may not do, and it tells a person what a piece of code is about to do.
"""

import ast

from .problem import Problem
from .remembered import Remembered

# Characters of code that are looked through; longer code is not known, and refused to a limited caller.
CHECKED_CHARS_MAX = 1000000
# Findings told of one source.
FINDINGS_MAX = 100
# Callers with one of these scopes are told, and refused nothing.
TRUSTED = frozenset(("destructive", "admin"))

# Kind -> what it means, in words that follow "The code …".
KINDS = {
    "processes": "starts or ends other processes",
    "network": "uses the network",
    "removing": "removes or renames files",
    "writing": "writes files",
    "quitting": "ends this program",
    "native": "reaches into native code or memory",
    "hidden": "runs code that cannot be inspected",
    "installing": "installs software",
    "deleting": "deletes data of the open file, or replaces it",
    "everything": "deletes everything of a kind",
    "lasting": "leaves something running after the call",
}
# Refused to callers without a scope of TRUSTED. The rest is only told.
FORBIDDEN = frozenset(KINDS) - {"lasting"}

# Dotted names; a part `*` stands for any one name, a last `**` for anything below.
DANGERS = {
    "subprocess.**": "processes",
    "multiprocessing.**": "processes",
    "pty.**": "processes",
    "os.system": "processes",
    "os.popen": "processes",
    "os.fork": "processes",
    "os.forkpty": "processes",
    "os.kill": "processes",
    "os.killpg": "processes",
    "os.startfile": "processes",
    "asyncio.create_subprocess_exec": "processes",
    "asyncio.create_subprocess_shell": "processes",
    "webbrowser.**": "network",
    "socket.**": "network",
    "ssl.**": "network",
    "http.client.**": "network",
    "http.server.**": "network",
    "urllib.request.**": "network",
    "urllib3.**": "network",
    "requests.**": "network",
    "httpx.**": "network",
    "aiohttp.**": "network",
    "ftplib.**": "network",
    "smtplib.**": "network",
    "telnetlib.**": "network",
    "xmlrpc.**": "network",
    "os.remove": "removing",
    "os.unlink": "removing",
    "os.rmdir": "removing",
    "os.removedirs": "removing",
    "os.rename": "removing",
    "os.renames": "removing",
    "os.replace": "removing",
    "os.truncate": "removing",
    "shutil.rmtree": "removing",
    "shutil.move": "removing",
    "pathlib.*().unlink": "removing",
    "pathlib.*().rmdir": "removing",
    "pathlib.*().rename": "removing",
    "pathlib.*().replace": "removing",
    "os.mkdir": "writing",
    "os.makedirs": "writing",
    "os.symlink": "writing",
    "os.link": "writing",
    "os.chmod": "writing",
    "os.chown": "writing",
    "shutil.copy": "writing",
    "shutil.copy2": "writing",
    "shutil.copyfile": "writing",
    "shutil.copytree": "writing",
    "shutil.make_archive": "writing",
    "shutil.unpack_archive": "writing",
    "pathlib.*().write_text": "writing",
    "pathlib.*().write_bytes": "writing",
    "pathlib.*().mkdir": "writing",
    "pathlib.*().touch": "writing",
    "pathlib.*().chmod": "writing",
    "pathlib.*().symlink_to": "writing",
    "os._exit": "quitting",
    "os.abort": "quitting",
    "signal.**": "quitting",
    "faulthandler._sigsegv": "quitting",
    "ctypes.**": "native",
    "cffi.**": "native",
    "mmap.**": "native",
    "_ctypes.**": "native",
    "exec": "hidden",
    "eval": "hidden",
    "compile": "hidden",
    "__import__": "hidden",
    "importlib.**": "hidden",
    "runpy.**": "hidden",
    "pickle.load": "hidden",
    "pickle.loads": "hidden",
    "marshal.loads": "hidden",
    "pip.**": "installing",
    "ensurepip.**": "installing",
    "threading.Thread": "lasting",
    "threading.Timer": "lasting",
    "atexit.register": "lasting",
}
_OPENERS = frozenset(("open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "pathlib.*().open"))
# os.execv, os.spawnl and their like.
_FAMILIES = (("os.exec", "processes"), ("os.spawn", "processes"), ("os.posix_spawn", "processes"))
# Where the functions of `os` say that they come from.
_SAME = {"posix": "os", "nt": "os", "builtins": "", "io": "", "_io": "", "_socket": "socket", "_pickle": "pickle"}


class Finding:
    """One thing in the code. `name` is dotted, `line` counts from 1."""

    __slots__ = ("kind", "name", "line")

    def __init__(self, kind, name, line):
        self.kind = kind
        self.name = name
        self.line = line

    def told(self, scopes):
        """As an answer tells it; `allowed`: whether a caller with these scopes may run it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "line": self.line,
            "what": "It " + KINDS[self.kind] + ".",
            "allowed": is_allowed(self.kind, scopes),
        }


class Checked:
    """What was found in one source. `modules`: what it imports; `calls`: (dotted name, line, names of its keywords) of
    everything that is called by a name that could be followed."""

    __slots__ = ("findings", "modules", "calls", "more")

    def __init__(self):
        self.findings = []
        self.modules = []
        self.calls = []
        self.more = 0


class Checks:
    """`dangers`: further rows like DANGERS, of the application. `also(tree, checked)` may add findings of its own."""

    def __init__(self, dangers=None, also=None):
        self._plain, self._patterns = {}, []
        for name, kind in list(DANGERS.items()) + list((dangers or {}).items()):
            if "*" in name:
                self._patterns.append((name.split("."), kind))
            else:
                self._plain[name] = kind
        self._also = also
        self._found = Remembered()  # source -> (findings, what its names stood for)

    def check(self, source, known=None):
        """The Checked of a source. `known`: variables of earlier calls. Raises what ast.parse raises."""
        return self._walked(source, known or {}).checked

    def findings(self, source, known):
        """Those of `check`, without looking again at a source whose names stand for the same as the last time."""
        kept = self._found.get(source)
        if kept is not None and all(_origin(known.get(name)) == origin for name, origin in kept[1].items()):
            return kept[0]
        walk = self._walked(source, known)
        self._found.put(source, (walk.checked.findings, walk.origins))
        return walk.checked.findings

    def _walked(self, source, known):
        tree = ast.parse(source)
        walk = _Walk(self, known)
        walk.visit(tree)
        if self._also is not None:
            self._also(tree, walk.checked)
        return walk

    def refuse(self, call, source, known=None):
        """Raises the Problem `forbidden` when the code does what the scopes of the call do not allow."""
        if call.scopes & TRUSTED:
            return
        if len(source) > CHECKED_CHARS_MAX:
            raise Problem(
                "forbidden",
                "Code of more than %d characters is not checked, and is not run without the scope `destructive`."
                % CHECKED_CHARS_MAX,
                hint="Run it in parts.",
            )
        found = [one for one in self.findings(source, known or {}) if not is_allowed(one.kind, call.scopes)]
        if found:
            first = found[0]
            raise Problem(
                "forbidden",
                "The code %s (%s, line %d), which needs the scope `destructive`."
                % (KINDS[first.kind], first.name, first.line),
                hint="None of the code ran. code.check lists everything that needs the scope. Use a command instead, "
                "or ask for a token with the scope `destructive`.",
                details={"findings": [one.told(call.scopes) for one in found[:FINDINGS_MAX]]},
            )

    def kind_of(self, name):
        """The kind of danger behind a dotted name, or None."""
        kind = self._plain.get(name)
        if kind is not None:
            return kind
        for start, kind in _FAMILIES:
            if name.startswith(start):
                return kind
        parts = name.split(".")
        for pattern, kind in self._patterns:
            if _fits(pattern, parts):
                return kind
        return None


def is_allowed(kind, scopes):
    """Whether a caller with these scopes may run what is of that kind."""
    return kind not in FORBIDDEN or bool(TRUSTED & frozenset(scopes))


def _fits(pattern, parts):
    for at, part in enumerate(pattern):
        if part == "**":
            return True
        if at >= len(parts):
            return False
        if part == "*()":
            if not parts[at].endswith("()"):
                return False
        elif part != "*" and part != parts[at]:
            return False
    return len(pattern) == len(parts)


class _Walk(ast.NodeVisitor):
    """Follows names through imports and plain assignments of one source."""

    def __init__(self, checks, known):
        self.checked = Checked()
        self._checks = checks
        self._known = known
        self.origins = {}  # name that an earlier call may have left -> what it stands for, or None
        self._names = {}  # name in the code -> dotted
        self._seen = set()

    def visit_Import(self, node):
        for one in node.names:
            self._names[one.asname or one.name.split(".")[0]] = one.name if one.asname else one.name.split(".")[0]
            self._module(one.name, node.lineno)

    def visit_ImportFrom(self, node):
        module = node.module or ""
        for one in node.names:
            self._names[one.asname or one.name] = "%s.%s" % (module, one.name)
            self._found("%s.%s" % (module, one.name), node.lineno)
        self._module(module, node.lineno)

    def visit_Assign(self, node):
        self.generic_visit(node)
        name = self._dotted(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                if name:
                    self._names[target.id] = name
                else:
                    self._names.pop(target.id, None)

    def visit_With(self, node):
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                name = self._dotted(item.context_expr)
                if name:
                    self._names[item.optional_vars.id] = name
        self.generic_visit(node)

    def visit_Call(self, node):
        name = self._dotted(node.func)
        if name:
            self.checked.calls.append((name, node.lineno, [one.arg for one in node.keywords if one.arg]))
            if _fits_any(name, _OPENERS) and _writes(node, 0 if name.startswith("pathlib") else 1):
                self._add("writing", name, node.lineno)
        self.generic_visit(node)

    def visit_Attribute(self, node):
        self._found(self._dotted(node), node.lineno)
        self.generic_visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self._found(self._dotted(node), node.lineno)

    def _module(self, name, line):
        if name and name not in self.checked.modules:
            self.checked.modules.append(name)
        self._found(name + ".", line, "import " + name)

    def _found(self, name, line, shown=None):
        kind = self._checks.kind_of(name) if name else None
        if kind is not None:
            self._add(kind, shown or name, line)

    def _add(self, kind, name, line):
        if (kind, line) in self._seen:  # `os` in `os.remove(…)` and the whole of it are one
            return
        self._seen.add((kind, line))
        if len(self.checked.findings) < FINDINGS_MAX:
            self.checked.findings.append(Finding(kind, name, line))
        else:
            self.checked.more += 1

    def _dotted(self, node):
        """ "os.remove" for an expression of names and attributes, with `()` behind what is called; else None."""
        if isinstance(node, ast.Name):
            if node.id in self._names:
                return self._names[node.id]
            origin = self.origins[node.id] = _origin(self._known.get(node.id))
            return origin or node.id
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return "%s.%s" % (owner, node.attr) if owner else None
        if isinstance(node, ast.Call):
            owner = self._dotted(node.func)
            return owner + "()" if owner else None
        if isinstance(node, ast.Subscript):
            owner = self._dotted(node.value)
            return owner + "[]" if owner else None
        return None


def _origin(value):
    """The dotted name of a module or function that an earlier call left in a variable, or None."""
    kind = type(value).__name__
    if kind == "module":
        return value.__name__
    if kind in ("function", "builtin_function_or_method", "type"):
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(module, str) and isinstance(name, str) and module != "__main__":
            module = _SAME.get(module, module).split("._")[0]  # pathlib._local is pathlib
            return "%s.%s" % (module, name) if module else name
    return None


def _fits_any(name, patterns):
    parts = name.split(".")
    return name in patterns or any("*" in one and _fits(one.split("."), parts) for one in patterns)


def _writes(node, at):
    """Whether an `open` is for more than reading; a mode that is no plain text counts as writing."""
    mode = node.args[at] if len(node.args) > at else None
    for one in node.keywords:
        if one.arg == "mode":
            mode = one.value
    if mode is None:
        return False
    text = mode.value if hasattr(mode, "value") else getattr(mode, "s", None)  # `s` up to 3.7
    return not isinstance(text, str) or any(sign in text for sign in "wax+")
