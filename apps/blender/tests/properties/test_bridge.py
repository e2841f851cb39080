# SPDX-License-Identifier: MIT OR Apache-2.0
"""What else a bridge reads: calls, blobs, the hub's file, code before it runs, arrays of numbers."""

import glob
import hashlib
import itertools
import json
import os

import bridgekit.call
import bridgekit.confined
import bridgekit.home
from bridgekit import static_check
from bridgekit.blobs import Incoming
from bridgekit.call import Call
from bridgekit.frames import FrameError, Piece
from bridgekit.problem import Problem
from hypothesis import given
from hypothesis import strategies as st
from shapes import json_values, keyed, texts

CHECKS = static_check.Checks()


@given(keyed(("id", "command", "args", "owner", "scopes", "timeout_ms", "effect")))
def test_a_call_message_is_a_call_or_refused(message):
    try:
        call = Call.of_message(message)
    except FrameError as error:
        assert error.kind == "call"
        return
    assert isinstance(call.args, dict) and all(isinstance(one, str) for one in call.scopes)


blob_names = st.one_of(texts, st.sampled_from(["sha256:" + hashlib.sha256(one).hexdigest() for one in (b"", b"abc", b"abcdef")]))
pieces = st.builds(Piece, blob_names, st.integers(-1, 7), st.integers(-1, 7), st.sampled_from([b"", b"abc", b"def", b"abcdef"]))


@given(st.lists(pieces, max_size=8))
def test_pieces_of_blobs_are_kept_or_refused_and_nothing_is_left(all_pieces):
    incoming = Incoming()
    try:
        for one in all_pieces:
            incoming.take(one)
    except FrameError as error:
        assert error.kind in ("piece", "hash")
    held = incoming.claim({"a": {"$blob": "sha256:" + hashlib.sha256(b"abc").hexdigest()}})
    for one in (held or {}).values():
        assert one.read() == b"abc"
    folder = incoming._folder
    incoming.close()
    assert folder is None or not os.path.exists(folder)


@given(st.one_of(st.binary(max_size=100), st.builds(lambda one: json.dumps(one).encode(), st.one_of(json_values, keyed(("bridge", "url", "pid"))))), st.binary(max_size=40))
def test_any_run_file_names_a_hub_or_is_refused(tmp_path_factory, told, token):
    folder = tmp_path_factory.getbasetemp() / "home"
    for path, data in (("run/hub.json", told), ("tokens/bridge", token)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    try:
        host, port, secret, url = bridgekit.home.find(str(folder))
    except bridgekit.home.HomeError as error:
        assert str(error)
        return
    assert isinstance(host, str) and isinstance(port, int) and secret and isinstance(url, str)
    assert 0 <= port <= 65535, "a number that no socket takes"


told_by_hubs = st.one_of(
    st.binary(max_size=100),
    st.integers(1, 4000).map(lambda deep: b"[" * deep),
    st.builds(lambda one: json.dumps(one).encode(), st.one_of(json_values, keyed(("bridge", "secret", "launch")))),
    st.builds(
        lambda host, port, secret: json.dumps({"bridge": "%s:%s" % (host, port), "secret": secret, "launch": "x"}).encode(),
        st.sampled_from(["127.0.0.1", "[::1]", "", "a:b"]),
        st.one_of(st.integers(-5, 99999), texts),
        texts,
    ),
)


@given(told_by_hubs)
def test_any_link_file_of_a_confined_process_names_a_hub_or_is_refused(tmp_path_factory, told):
    path = tmp_path_factory.getbasetemp() / "launch.link"
    path.write_bytes(told)
    descriptor, before = os.open(str(path), os.O_RDONLY), bridgekit.confined._TOLD
    bridgekit.confined._TOLD = str(descriptor)
    try:
        host, port, secret, launch = bridgekit.confined.find()
    except bridgekit.home.HomeError as error:
        assert str(error)
        return
    finally:
        bridgekit.confined._TOLD = before
        os.close(descriptor)
    assert isinstance(host, str) and 0 <= port <= 65535 and isinstance(secret, bytes) and isinstance(launch, str)


# Sources: this repository's own, with pieces taken out, doubled and mixed, and names that matter put in.
SOURCES = [open(path).read() for path in sorted(glob.glob(os.path.join(os.path.dirname(bridgekit.call.__file__), "*.py")))[:12]]
SNIPPETS = ["import os as o\n", "o.remove('x')\n", "from shutil import *\n", "__import__('os').system('x')\n", "with open('x', mode) as f: pass\n", "x = y = os.path\n", "(lambda: 1)()\n", "f'{a!r:>{b}}'\n", "@d\nclass C: pass\n", "match x:\n case [a, *b]: pass\n", "async def f():\n  async with a as b: await c\n", "del a, b[0]\n", "from . import a\n", "from .. import *\n", "a: int = b\n", "global q\n"]  # fmt: skip
lines = st.sampled_from([line + "\n" for source in SOURCES for line in source.splitlines()])
sources = st.one_of(
    st.text(max_size=60),
    st.builds("".join, st.lists(st.one_of(lines, st.sampled_from(SNIPPETS)), max_size=12)),
    st.builds(lambda source, at, size: source[:at] + source[at + size :], st.sampled_from(SOURCES), st.integers(0, 4000), st.integers(0, 80)),
    st.builds(lambda one, many: one * many, st.sampled_from(["-", "(", "[", "a.", "a()", "not ", "lambda:", "{", "f(", "x if y else "]), st.integers(0, 3000)),
)


@given(sources)
def test_any_code_is_looked_through_or_refused(source):
    call = Call("call_1", "code.run", scopes=("code", "read"))
    try:
        CHECKS.refuse(call, source)
    except Problem as problem:
        assert problem.code == "forbidden"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # what Python does not compile either, or not as it stands
    checked = CHECKS.check(source)
    assert len(checked.findings) <= static_check.FINDINGS_MAX
    assert all(one.line >= 1 and one.kind in static_check.KINDS for one in checked.findings)


class BlobCall:
    """Holds one blob of any bytes."""

    def __init__(self, data):
        self.data = data

    def read_blob(self, reference):
        return self.data

    def blob(self, data, **more):
        return {"$blob": "sha256:x", "bytes": len(data)}


rows = st.one_of(
    json_values,
    st.lists(st.integers(-5, 5), max_size=9),
    st.lists(st.lists(st.one_of(st.integers(), st.floats()), max_size=4), max_size=4),
    st.fixed_dictionaries({"$blob": st.just("sha256:x")}, optional={"dtype": st.one_of(json_values, st.sampled_from(["float32", "int8", "uint64"])), "shape": st.one_of(json_values, st.lists(st.integers(-1, 5), max_size=3))}),
)  # fmt: skip


@given(rows, st.binary(max_size=48))
def test_any_array_is_numbers_or_refused(bridge, given_one, data):
    arrays = bridge("arrays")
    problem_type = bridge("bridgekit.problem").Problem
    for read in (
        lambda: arrays.floats(BlobCall(data), "vertices", given_one, 3),
        lambda: arrays.floats(BlobCall(data), "uvs", given_one, (2, 3)),
        lambda: arrays.wholes(BlobCall(data), "faces", given_one),
    ):
        try:
            told = read()
        except problem_type as problem:
            assert problem.code == "arguments_invalid" and problem.hint
            continue
        assert told[0].itemsize == 4
        arrays.told(BlobCall(data), told[0], None, 6)
        if told[0].typecode == "i" and all(one >= 0 for one in told[0]) and sum(told[0]) < 2**31:
            sums = arrays.running_sums(told[0])
            assert [*sums, sum(told[0])] == [0, *itertools.accumulate(told[0])]

