# SPDX-License-Identifier: MIT OR Apache-2.0
"""Frames against the vectors that the Rust side reads too, and the bounds."""

import json
import os
import random
import struct
import unittest

from bridgekit import frames
from bridgekit.blobs import Incoming

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json")


def chunks_of(vector):
    return [bytes.fromhex(text) for text in vector.get("chunks") or [vector["hex"]]]


def decode(chunks):
    """(what came, the error's kind or None)"""
    decoder, incoming, told = frames.Decoder(), Incoming(), []
    try:
        for chunk in chunks:
            for item in decoder.feed(chunk):
                if isinstance(item, frames.Piece):
                    shown = {
                        "blob": item.blob,
                        "offset": item.offset,
                        "total": item.total,
                        "hex": bytes(item.data).hex(),
                    }
                    told.append({"piece": shown})
                    incoming.take(item)
                else:
                    told.append(item)
    except frames.FrameError as error:
        return told, error.kind
    finally:
        incoming.close()
    return told, None


class Vectors(unittest.TestCase):
    def test_every_vector(self):
        with open(VECTORS, encoding="utf-8") as file:
            vectors = json.load(file)
        self.assertGreater(len(vectors), 30)
        for vector in vectors:
            with self.subTest(vector["name"]):
                told, kind = decode(chunks_of(vector))
                self.assertEqual(kind, vector.get("error"))
                self.assertEqual(told, vector["messages"])

    def test_any_cut_gives_the_same(self):
        with open(VECTORS, encoding="utf-8") as file:
            vectors = json.load(file)
        chance = random.Random(7)
        for vector in vectors:
            data = b"".join(chunks_of(vector))
            for _ in range(5):
                size = chance.randint(1, 40)
                cut = [data[at : at + size] for at in range(0, len(data), size)]
                with self.subTest(vector["name"], size=size):
                    told, kind = decode(cut)
                    self.assertEqual(kind, vector.get("error"))
                    self.assertEqual(told, vector["messages"])

    def test_garbage_ends_in_a_frame_error_or_waits(self):
        chance = random.Random(11)
        for _ in range(2000):
            data = bytes(chance.getrandbits(8) for _ in range(chance.randint(0, 60)))
            if chance.random() < 0.5:
                data = struct.pack(">I", len(data)) + data
            decode([data])


class Bounds(unittest.TestCase):
    def test_the_longest_frame_passes_and_one_more_does_not(self):
        room = frames.FRAME_BYTES_MAX - len(b'{"t":"x","v":""}')
        frame = frames.encode({"t": "x", "v": "a" * room})
        self.assertEqual(len(frame), frames.FRAME_BYTES_MAX + 4)
        decoder = frames.Decoder()
        items = [item for at in range(0, len(frame), 1 << 20) for item in decoder.feed(frame[at : at + (1 << 20)])]
        self.assertEqual(len(items[0]["v"]), room)
        self.assertFalse(decoder.is_mid_frame())
        with self.assertRaises(frames.FrameError) as caught:
            frames.encode({"t": "x", "v": "a" * (room + 1)})
        self.assertEqual(caught.exception.kind, "too_long")

    def test_a_blob_is_cut_into_pieces_of_8_mib(self):
        data = os.urandom(9 * 1024 * 1024)
        parts = list(frames.pieces("sha256:x", data))
        self.assertEqual([len(part) for _, part in parts], [8 * 1024 * 1024, 1024 * 1024])
        decoder = frames.Decoder()
        got = b"".join(bytes(item.data) for head, part in parts for item in decoder.feed(head + bytes(part)))
        self.assertEqual(got, data)

    def test_a_piece_over_the_limit(self):
        head = json.dumps({"blob": "sha256:x", "offset": 0, "total": 1 << 30}).encode()
        payload = b"\x01" + struct.pack(">H", len(head)) + head + bytes(frames.PIECE_BYTES_MAX + 1)
        self.assertEqual(decode([struct.pack(">I", len(payload)) + payload])[1], "piece")


class Encoding(unittest.TestCase):
    def test_half_characters_become_safe_and_pairs_whole(self):
        frame = frames.encode({"t": "x", "v": "a\ud800b\udc80c \ud83d\ude00"})
        self.assertEqual(list(frames.Decoder().feed(frame)), [{"t": "x", "v": "a\ufffdb\ufffdc \U0001f600"}])

    def test_what_is_not_finite_is_refused(self):
        with self.assertRaises(ValueError):
            frames.encode({"t": "x", "v": float("nan")})
