# SPDX-License-Identifier: MIT OR Apache-2.0
"""The descriptions in commands/*.toml against the Python functions, read as text: no Blender is needed."""

import ast
import builtins
import keyword
import tomllib
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent
FUNCTIONS = [*(APP / "bridge" / "commands").glob("*.py"), APP.parent / "bridgekit" / "commands_code.py"]
EFFECTS = ("read", "write", "destructive", "code")
TYPES = (
    "string", "integer", "number", "boolean", "any", "object", "vec3", "color", "names", "numbers", "list", "path", "blob",
)  # fmt: skip
ARGUMENT_KEYS = {"type", "doc", "required", "nullable", "default", "enum", "min", "max", "max_items", "items", "unit"}
VERB_KEYS = {
    "summary",
    "docs",
    "effect",
    "timeout_ms",
    "concurrent",
    "repeatable",
    "runs",
    "keywords",
    "role",
    "example",
    "args",
    "result",
}
MISSING = object()


def described():
    found = {}
    for path in sorted((APP / "commands").glob("*.toml")):
        for verb, told in tomllib.loads(path.read_text("utf-8")).items():
            if verb != "summary":
                found["%s.%s" % (path.stem, verb)] = told
    return found


def written():
    """name -> (effect, function's name, {parameter: default}, file's stem) of every @table.command(…)."""
    found = {}
    for path in FUNCTIONS:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and getattr(mark.func, "attr", "") == "command":
                    name = ast.literal_eval(mark.args[0])
                    effect = next(ast.literal_eval(k.value) for k in mark.keywords if k.arg == "effect")
                    assert name not in found, name
                    found[name] = (effect, node.name, parameters(node), path.stem)
    return found


def parameters(node):
    names = [one.arg for one in node.args.args]
    assert names[0] == "call", node.name
    assert not node.args.vararg and not node.args.kwarg and not node.args.posonlyargs
    defaults = [MISSING] * (len(names) - len(node.args.defaults)) + [ast.literal_eval(d) for d in node.args.defaults]
    return dict(zip(names[1:], defaults[1:], strict=True))


DESCRIBED, WRITTEN = described(), written()


def test_every_command_has_its_function_and_every_function_its_command():
    by_bridge = {name for name, told in DESCRIBED.items() if told.get("runs", "instance") == "instance"}
    assert by_bridge == set(WRITTEN)
    assert len(DESCRIBED) >= 25


@pytest.mark.parametrize("name", sorted(set(DESCRIBED) & set(WRITTEN)))
def test_a_description_is_what_the_function_does(name):
    told = DESCRIBED[name]
    effect, _function, has, _stem = WRITTEN[name]
    args = told.get("args", {})
    assert told["effect"] == effect
    assert list(args) == list(has), "the same arguments in the same order"
    for argument, about in args.items():
        default = has[argument]
        if about.get("required"):
            assert default is MISSING, argument
        else:
            assert default is not MISSING, argument
            assert plain(default) == about.get("default"), argument


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_function_is_named_as_its_verb(name):
    _effect, function, _has, stem = WRITTEN[name]
    noun, _, verb = name.partition(".")
    if stem == "commands_code":
        return
    taken = keyword.iskeyword(verb) or hasattr(builtins, verb)
    assert function == (verb + "_" if taken else verb)
    assert stem == noun


@pytest.mark.parametrize("name", sorted(DESCRIBED))
def test_a_description_is_whole(name):
    told = DESCRIBED[name]
    assert not set(told) - VERB_KEYS
    assert told["effect"] in EFFECTS
    assert told["summary"].endswith(".") and len(told["summary"]) <= 100
    assert "example" in told and "result" in told
    args = told.get("args", {})
    assert not set(told["example"]) - set(args), "the example uses what there is"
    needed = {one for one, about in args.items() if about.get("required")}
    assert needed <= set(told["example"])
    for argument, about in args.items():
        assert not set(about) - ARGUMENT_KEYS, argument
        assert about["type"] in TYPES, argument
        assert ("items" in about) == (about["type"] == "list"), argument
        assert about["doc"].endswith("."), argument
        if "enum" in about and "default" in about:
            assert about["default"] in about["enum"], argument
    degrees = [one for one in args if one == "rotation"]
    assert all(args[one].get("unit") == "degrees" for one in degrees)


def plain(value):
    return list(value) if isinstance(value, tuple) else value


def test_the_app_describes_itself_as_it_is():
    app = tomllib.loads((APP / "app.toml").read_text("utf-8"))
    assert app["id"] == APP.name
    package = ast.parse((APP / "bridge" / "__init__.py").read_text("utf-8"))
    info = next(ast.literal_eval(n.value) for n in package.body if isinstance(n, ast.Assign))
    assert app["bridge"]["version"] == ".".join(map(str, info["version"]))
    assert app["versions"]["floor"] == ".".join(map(str, info["blender"][:2]))
    for name, told in app["quality"].items():
        assert told["state"] in ("done", "partly", "missing"), name
        assert ("note" in told) == (told["state"] == "partly"), name
    readme = (APP / "README.md").read_text("utf-8")
    for one in app["versions"]["tested"]:
        assert one["version"] in readme, "the README says what was run against what"


@pytest.mark.parametrize("path", sorted((APP / "bridge").rglob("*.py")), ids=lambda path: path.name)
def test_the_bridge_is_whole_files_of_a_size_that_is_read(path):
    text = path.read_text("utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    assert len(text.splitlines()) < 400
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 70, node.name
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert not node.module.startswith(("kapelle", "bridgekit")), "imports of ours are relative"


def test_what_differs_between_versions_stands_in_one_file():
    for path in (APP / "bridge").rglob("*.py"):
        if path.name != "versions.py":
            text = path.read_text("utf-8")
            assert "bpy.app.version" not in text and "versions.VERSION" not in text, path.name
