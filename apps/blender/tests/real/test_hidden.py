# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is hidden in a person's folder is no part of an allowed folder around it, for callers without `code`."""

import os

import pytest
from instance import Instance
from test_outside import limited, refused

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
HIDDEN = (".ssh/id.obj", ".config/blender/scripts/a.obj", ".bashrc.obj", ".../a.obj")
SEEN = ("a.obj", "work/a.obj", "work/.cache/a.obj")


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    folder = tmp_path_factory.mktemp("persons") / "ann"
    for one in (*HIDDEN, *SEEN):
        (folder / one).parent.mkdir(parents=True, exist_ok=True)
        (folder / one).write_text(TRIANGLE)
    (folder / "link").symlink_to(folder / ".ssh")
    return folder


@pytest.fixture(scope="module")
def theirs(program, package, person):
    with Instance(program, package, environment={"HOME": str(person)}) as started:
        yield started


@pytest.mark.parametrize("around", ["", ".."], ids=["in it", "above it"])
@pytest.mark.parametrize("by", ["open file", "roots"])
def test_a_folder_around_it_leaves_it_out(theirs, person, around, by):
    top = os.path.normpath(person / around)
    theirs.fresh()
    if by == "open file":
        theirs.run("file.save", path=os.path.join(top, "scene.blend"), overwrite=True)
    else:
        theirs.eval(
            "import kapelle_blender.paths as p; p.kept = p._folders\n"
            "p._folders = lambda: dict(p.kept(), allowed=[%r])" % top
        )
    try:
        for one in (*HIDDEN, "link/id.obj"):
            path = str(person / one)
            told = refused(theirs, "file.import", {"path": path}, path)
            assert "link" in one or "hidden" in told["message"], told
            refused(theirs, "file.export", {"path": path, "overwrite": True}, path)
        refused(theirs, "file.export", {"path": str(person / ".new" / "a.obj")})
        refused(theirs, "render.frames", {"path": str(person / ".config"), "frames": [1]})
        for one in SEEN:
            assert limited(theirs, "file.import", {"path": str(person / one)})["objects"]
        limited(theirs, "file.export", {"path": str(person / "work" / "new.obj"), "overwrite": True})
        assert not (person / ".new").exists()
    finally:
        if by == "roots":
            theirs.eval("import kapelle_blender.paths as p; p._folders = p.kept")


def test_a_folder_that_lies_in_it_is_open(theirs, person):
    theirs.fresh()
    theirs.run("file.save", path=str(person / ".config" / "blender" / "scripts" / "scene.blend"), overwrite=True)
    assert limited(theirs, "file.import", {"path": str(person / HIDDEN[1])})["objects"]
    refused(theirs, "file.import", {"path": str(person / HIDDEN[0])}, person / HIDDEN[0])
