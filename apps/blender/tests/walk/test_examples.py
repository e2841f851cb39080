# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every example of every command runs, in an order that makes sense, through HTTP and as `kapelle run` says it."""

import json

import pytest
from before import BEFORE
from hubs import Hub

# Last, since they close or take away what others use.
LAST = (
    "object.rename",
    "object.join",
    "material.rename",
    "material.delete",
    "collection.rename",
    "collection.delete",
    "history.undo",
    "history.redo",
    "history.revert",
    "code.reset",
    "object.delete",
    "file.open",
    "file.new",
)
# Those that put things into place for the rest.
FIRST = ("file.save", "file.export", "object.create", "material.create", "camera.create", "light.create")


def in_order(specs):
    rank = {name: n - 100 for n, name in enumerate(FIRST)}
    rank.update({name: n + 100 for n, name in enumerate(LAST)})
    return sorted(specs, key=lambda spec: rank.get(spec["name"], 0))


@pytest.fixture(scope="module")
def stage(program, binary, tmp_path_factory):
    """As for the others, and the hub starts this program too when nobody names one: a farm does."""
    with Hub(binary, tmp_path_factory.mktemp("stage") / "home", {"KAPELLE_BLENDER": program.path}) as made:
        made.program = program
        made.start(program, "blender")
        yield made


@pytest.mark.every_blender
def test_every_example_runs_over_http(stage, http):
    specs = http.get("/v1/apps/blender/commands")["commands"]
    missing = [spec["name"] for spec in specs if "example" not in spec]
    assert missing == []
    ran = []
    examples = {spec["name"]: spec["example"] for spec in specs}
    imports = {one["format"]: one["import"] for one in http.run("file.formats")["formats"]}
    for spec in in_order(specs):
        http.run("file.new")
        for first in BEFORE.get(spec["name"], ()):
            http.run(first, **examples[first])
        checked = http.ask(spec["name"], spec["example"], check_only=True)
        assert checked.status == 200, (spec["name"], checked.body)
        outcome = http.call(spec["name"], spec["example"])
        if spec["name"] == "file.import" and not imports["glb"]:
            # A Blender whose importer is broken says so; another format serves there.
            assert outcome["problem"]["code"] == "not_supported", outcome
            http.run("file.export", path="model.obj", overwrite=True)
            outcome = http.call("file.import", {"path": "model.obj"})
        assert outcome["status"] == "succeeded", (spec["name"], outcome.get("problem"), outcome)
        ran.append(spec["name"])
    assert len(ran) == len(specs) > 20


@pytest.mark.one_blender
def test_every_example_runs_at_the_terminal(stage, http):
    specs = http.get("/v1/apps/blender/commands")["commands"]
    examples = {spec["name"]: spec["example"] for spec in specs}
    for spec in in_order(specs):
        http.run("file.new")
        for first in BEFORE.get(spec["name"], ()):
            http.run(first, **examples[first])
        if spec["name"] == "render.still":
            continue  # it was rendered above; a second time proves nothing more
        words = ["run", "blender", spec["name"], *("%s=%s" % pair for pair in keyvalues(spec["example"]))]
        told = stage.document(*words)
        assert told["status"] == "succeeded", (words, told)


@pytest.mark.one_blender
def test_what_describe_prints_can_be_run(stage, http):
    """The example on a command's page is a line for the shell."""
    done = stage.kapelle("describe", "blender", "object.create")
    assert done.code == 0 and "kapelle run blender object.create" in done.out, done
    for name in ("object.create", "camera.look_at", "render.still"):
        page = stage.kapelle("describe", "blender", name)
        told = stage.kapelle("run", "blender", name, "--help")
        assert page.code == told.code == 0 and page.out == told.out


def keyvalues(args):
    for key, value in args.items():
        yield key, value if isinstance(value, str) else json.dumps(value)
