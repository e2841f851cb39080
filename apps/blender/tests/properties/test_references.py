# SPDX-License-Identifier: MIT OR Apache-2.0
"""What models name: whatever a reader would open is found beforehand, and no file breaks the search."""

import json
import os
import re
import struct
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import half_texts, json_values

parts = st.sampled_from(["..", ".", "tokens", "owner", "/", "\\", "%2e%2e", "%2F", "%5c", "file://", "data:", "C:", " ", "\t", "é", "?x", "#", '"'])
names = st.one_of(half_texts, st.lists(parts, min_size=1, max_size=8).map("".join), st.lists(parts, min_size=1, max_size=8).map("/".join))
options = st.lists(st.sampled_from(["-s 1 1 1", "-o 0", "-bm 0.5", "-clamp on", "-type sphere", "\\\n"]), max_size=3)
words = st.sampled_from(["map_Kd", "map_Bump", "bump", "norm", "disp", "decal", "refl", "map_Pr", "map_unheard_of"])


@pytest.fixture(scope="module")
def of_model(bridge, tmp_path_factory):
    """The references of a model with these bytes."""
    references, folder = bridge("references"), str(tmp_path_factory.mktemp("models"))

    def of(name, held, **beside):
        for beside_it, text in beside.items():
            with open(os.path.join(folder, beside_it + ".mtl"), "wb") as out:
                out.write(text)
        path = os.path.join(folder, "m." + name)
        with open(path, "wb") as out:
            out.write(held)
        return folder, references.of_model(name, path)

    return of


def is_a_name(path):
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return "\0" not in path


def as_blender_reads(folder, uri):
    """io_scene_gltf2: load_uri and uri_to_path."""
    return os.path.join(folder, os.path.normpath(unquote(uri.replace("\\", "/"))))


@given(names, st.booleans(), st.sampled_from(["buffers", "images", "extensions", "extras"]))
def test_what_a_gltf_names_is_found(of_model, uri, binary, where):
    held = json.dumps({"asset": {"version": "2.0"}, where: [{"deep": {"uri": uri}}]}).encode()
    if binary:
        held = b"glTF" + struct.pack("<III", 2, 20 + len(held), len(held)) + b"JSON" + held
    folder, found = of_model("glb" if binary else "gltf", held)
    told = as_blender_reads(folder, uri)
    if is_a_name(told) and not (uri.startswith("data:") and ";base64," in uri):
        assert os.path.abspath(told) in found


@given(st.one_of(st.binary(max_size=200), json_values.map(lambda value: json.dumps(value).encode())), st.sampled_from(["gltf", "glb", "obj"]))
def test_whatever_is_in_a_model_the_search_ends(bridge, of_model, held, name):
    try:
        folder, found = of_model(name, held, m=held)
    except bridge("bridgekit.problem").Problem as problem:
        assert problem.code == "call_failed"
        return
    assert all(os.path.isabs(one) for one in found)


@given(words, options, names)
def test_what_a_material_names_is_found(of_model, word, given_options, name):
    name = re.sub(r"[\r\n\0]", "", name).strip().strip("\"'")
    if not name or not is_a_name(name) or name.endswith("\\"):
        return
    line = " ".join([word, *given_options, name])
    folder, found = of_model("obj", b"v 0 0 0\n", m=os.fsencode("newmtl M\n" + line + "\n"))
    assert os.path.abspath(os.path.join(folder, name)) in found
