# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the properties are tried on: JSON, texts and bytes that are likely to hurt, and streams cut anywhere."""

from hypothesis import strategies as st

NASTY_TEXTS = ["", "\0", "\n", '"', "\\", "\\u0000", "{", "}", "[[", "é€😀", "\x7f", "\ufeff", "NaN", "1e999", "$blob", "\u2028"]
texts = st.one_of(st.sampled_from(NASTY_TEXTS), st.text(st.characters(codec="utf-8"), max_size=20))
# Halves of surrogate pairs, as Blender gives for names that are no UTF-8.
half_texts = st.one_of(texts, st.text(st.characters(), max_size=10), st.sampled_from(["\ud800", "a\udfffb", "\ud83d\ude00"]))
numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0, -0.0, 2**63, 2**64, -(2**63) - 1, 1e308]))
plain = st.one_of(st.none(), st.booleans(), numbers, texts)
json_values = st.recursive(plain, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)), max_leaves=12)
json_objects = st.dictionaries(texts, json_values, max_size=4)


def keyed(names, values=json_values):
    """Objects with some of these members, of any kind: messages that are nearly right."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values))


@st.composite
def cut(draw, data):
    """The bytes, in pieces of any size."""
    pieces, at = [], 0
    while at < len(data):
        size = draw(st.integers(1, min(len(data) - at, 40)))
        pieces.append(data[at : at + size])
        at += size
    return pieces
