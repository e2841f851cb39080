# SPDX-License-Identifier: MIT OR Apache-2.0
"""Frames of the link: what was encoded comes out again, however it is split; anything else is a FrameError."""

import json

from bridgekit import frames
from hypothesis import given
from hypothesis import strategies as st
from shapes import cut, half_texts, json_objects, plain

messages = st.builds(lambda body: dict(body, t="x"), json_objects)
blobs = st.binary(max_size=60)


def taken(pieces):
    """(messages and pieces, the kind of error or None)."""
    decoder, found = frames.Decoder(), []
    for one in pieces:
        try:
            for item in decoder.feed(one):
                found.append(item if isinstance(item, dict) else (item.blob, item.offset, item.total, bytes(item.data)))
        except frames.FrameError as error:
            return found, error.kind
    return found, None


@given(st.data(), st.lists(st.one_of(messages, blobs), max_size=5))
def test_what_was_encoded_comes_out_again(data, told):
    stream, wanted = b"", []
    for one in told:
        if isinstance(one, dict):
            stream += frames.encode(one)
            wanted.append(one)
        else:
            stream += b"".join(bytes(head) + bytes(part) for head, part in frames.pieces("sha256:x", one))
            wanted.append(("sha256:x", 0, len(one), one))
    found, error = taken(data.draw(cut(stream)))
    assert error is None
    assert json.dumps(found, default=repr) == json.dumps(wanted, default=repr)


@given(st.data(), st.binary(max_size=200))
def test_any_bytes_give_the_same_however_they_are_split(data, stream):
    whole = taken([stream])
    assert taken(data.draw(cut(stream)))[0] == whole[0] or whole[1] is not None
    assert taken([stream[at : at + 1] for at in range(len(stream))])[0][: len(whole[0])] == whole[0]


@given(st.data(), st.lists(messages, min_size=1, max_size=3), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_an_error_or_another_message(data, told, at, change):
    stream = bytearray(b"".join(map(frames.encode, told)))
    stream[at % len(stream)] ^= change
    for item in taken(data.draw(cut(bytes(stream))))[0]:
        assert isinstance(item, (dict, tuple))


@given(st.recursive(st.one_of(plain, half_texts), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(half_texts, inner, max_size=3)))
def test_half_characters_never_reach_the_wire(value):
    payload = frames.to_json({"t": "x", "value": value})
    payload.decode("utf-8")
    json.loads(payload)
