# SPDX-License-Identifier: MIT OR Apache-2.0
"""Bounds and small rooms: outbox, sender, incoming blobs, outcomes that do not fit, memory, home."""

import hashlib
import json
import os
import socket
import stat
import tempfile
import unittest

from bridgekit import blobs, frames, home, memory, outbox, outcome
from bridgekit import call as call_module
from bridgekit.blobs import Incoming
from bridgekit.call import Call
from bridgekit.outbox import Kept, Outbox
from bridgekit.problem import Problem
from bridgekit.sender import Sender


def kept(call_id, value="v", blob=None):
    told = outcome.build(Call(call_id, "x"), "succeeded", value)
    named = {f"sha256:{call_id}": blob} if blob else None
    return Kept(outcome.frame(call_id, told), named, {"id": call_id, "command": "x", "owner": ""})


def told(one):
    return json.loads(one.frame[4:].decode())


class TheOutbox(unittest.TestCase):
    def test_kept_until_forgotten_oldest_first(self):
        box = Outbox()
        for n in range(5):
            box.put(f"c{n}", kept(f"c{n}"))
        box.forget("c2")
        box.forget("unknown")
        self.assertEqual([one.known["id"] for one in box.all()], ["c0", "c1", "c3", "c4"])
        self.assertEqual(box.bytes, sum(one.size for one in box.all()))

    def test_over_the_count_the_oldest_lose_their_values(self):
        box = Outbox(count_max=3)
        for n in range(5):
            box.put(f"c{n}", kept(f"c{n}"))
        values = [told(one)["value"] for one in box.all()]
        self.assertEqual(values, [None, None, "v", "v", "v"])
        note = told(box.all()[0])["output"]["logs"][0]
        self.assertEqual(note["level"], "warning")
        self.assertIn("dropped", note["text"])
        self.assertEqual(told(box.all()[0])["status"], "succeeded")
        box.forget("c0")
        self.assertEqual(len(box), 4)

    def test_over_the_bytes_too_but_the_newest_stays(self):
        box = Outbox(bytes_max=5000)
        for n in range(4):
            box.put(f"c{n}", kept(f"c{n}", blob=b"x" * 3000))
        self.assertEqual([bool(one.blobs) for one in box.all()], [False, False, False, True])
        box.put("big", kept("big", blob=b"x" * 9000))
        self.assertTrue(box.all()[-1].blobs)
        self.assertTrue(box.holds("c0") and box.holds("big") and not box.holds("no"))

    def test_husks_are_bounded(self):
        before, outbox.HUSKS_MAX = outbox.HUSKS_MAX, 2
        self.addCleanup(setattr, outbox, "HUSKS_MAX", before)
        box = Outbox(count_max=1)
        for n in range(6):
            box.put(f"c{n}", kept(f"c{n}"))
        self.assertEqual([one.known["id"] for one in box.all()], ["c3", "c4", "c5"])


class Outcomes(unittest.TestCase):
    def test_what_does_not_fit_is_cut_with_a_note(self):
        before = frames.FRAME_BYTES_MAX
        self.addCleanup(setattr, frames, "FRAME_BYTES_MAX", before)
        call = Call("c1", "x")
        whole = outcome.build(call, "succeeded", "value")
        whole["output"] = {"stdout": "x" * 900000, "stderr": "e", "logs": []}
        frames.FRAME_BYTES_MAX = 800000
        cut = json.loads(outcome.frame("c1", whole)[4:].decode())
        self.assertEqual(cut["value"], "value")
        self.assertIn("characters cut here", cut["output"]["stdout"])
        self.assertIn("cut further", cut["output"]["logs"][-1]["text"])
        whole["value"] = "v" * 800000
        whole["problem"] = Problem("call_failed", "m", details={"long": 1}).to_dict()
        bare = json.loads(outcome.frame("c1", whole)[4:].decode())
        self.assertEqual((bare["value"], bare["output"]["stdout"]), (None, ""))
        self.assertIn("did not fit", bare["output"]["logs"][0]["text"])
        self.assertNotIn("details", bare["problem"])

    def test_severities(self):
        with self.assertRaises(ValueError):
            Problem("c", "m", severity="terrible")


class TheSender(unittest.TestCase):
    def setUp(self):
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)
        self.near.setblocking(False)
        self.sender = Sender(self.near)

    def read(self, size):
        data = b""
        while len(data) < size:
            data += self.far.recv(1 << 20)
            self.sender.flush()
        return data

    def test_order_and_beats_between_frames(self):
        first = frames.encode({"t": "x", "v": "a" * 3000000})
        second = frames.encode({"t": "y", "v": "b" * 100000})
        beat = frames.encode({"t": "beat"})
        self.assertFalse(self.sender.send(first))
        self.assertFalse(self.sender.send(second[:10], second[10:]))
        self.assertFalse(self.sender.send_first(beat))
        self.assertTrue(self.sender.waits())
        data = self.read(len(first) + len(beat) + len(second))
        kinds = [item["t"] for item in frames.Decoder().feed(data)]
        self.assertEqual(kinds, ["x", "beat", "y"])
        self.assertFalse(self.sender.waits())
        self.assertTrue(self.sender.send_first(beat))

    def test_a_gone_socket(self):
        self.far.close()
        with self.assertRaises(OSError):
            for _ in range(10):
                self.sender.send(b"x" * 100000)


class IncomingBlobs(unittest.TestCase):
    def setUp(self):
        self.incoming = Incoming()
        self.addCleanup(self.incoming.close)

    def put(self, data):
        name = "sha256:" + hashlib.sha256(data).hexdigest()
        for head, part in frames.pieces(name, data):
            for piece in frames.Decoder().feed(head + bytes(part)):
                self.incoming.take(piece)
        return name

    def kinds(self, *pieces):
        with self.assertRaises(frames.FrameError) as caught:
            for piece in pieces:
                self.incoming.take(piece)
        return caught.exception.kind

    def test_claimed_and_released(self):
        name = self.put(b"abc")
        args = {"deep": [{"data": {"$blob": name}}], "n": 1}
        one, two = self.incoming.claim(args), self.incoming.claim(args)
        self.assertEqual(one[name].read(), b"abc")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(one[name].path)).st_mode), 0o700)
        self.incoming.release(one)
        self.assertTrue(os.path.exists(two[name].path))
        self.incoming.release(two)
        self.assertFalse(os.path.exists(two[name].path))
        self.assertEqual(self.incoming._bytes, 0)
        self.assertIsNone(self.incoming.claim({"a": 1}))
        self.assertEqual(self.incoming.claim(args), {})

    def test_the_same_blob_twice_and_an_empty_one(self):
        self.put(b"abc")
        name = self.put(b"abc")
        self.assertEqual(self.incoming._bytes, 3)
        self.assertEqual(self.incoming.claim({"$blob": name})[name].read(), b"abc")
        empty = self.put(b"")
        self.assertEqual(self.incoming.claim({"$blob": empty})[empty].read(), b"")

    def test_the_folder_is_bounded_and_claimed_ones_stay(self):
        before, blobs.FOLDER_BYTES_MAX = blobs.FOLDER_BYTES_MAX, 10
        self.addCleanup(setattr, blobs, "FOLDER_BYTES_MAX", before)
        first = self.put(b"1" * 5)
        claimed = self.incoming.claim({"$blob": first})
        second, third = self.put(b"2" * 5), self.put(b"3" * 5)
        self.assertEqual(self.incoming.claim({"$blob": second}), {})
        self.assertEqual(list(self.incoming.claim({"$blob": third})), [third])
        self.assertEqual(claimed[first].read(), b"11111")
        huge = self.put(b"4" * 11)
        self.assertEqual(self.incoming.claim({"$blob": huge}), {})

    def test_a_full_disk_loses_the_blob_and_not_the_link(self):
        real = open

        class Full:
            def write(self, data):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        blobs.open = lambda path, mode: Full() if mode == "wb" else real(path, mode)
        self.addCleanup(delattr, blobs, "open")
        name = self.put(b"abc")
        self.assertEqual(self.incoming.claim({"$blob": name}), {})

    def test_wrong_pieces(self):
        piece = frames.Piece
        name = "sha256:" + hashlib.sha256(b"abcdef").hexdigest()
        self.assertEqual(self.kinds(piece(name, 3, 6, b"def")), "piece")
        self.assertEqual(self.kinds(piece(name, 0, 6, b"abc"), piece(name, 4, 6, b"ef")), "piece")
        self.incoming.restart()
        self.assertEqual(self.kinds(piece(name, 0, 6, b"abc"), piece(name, 3, 7, b"def")), "piece")
        self.incoming.restart()
        self.assertEqual(self.kinds(piece("sha256:../../x", 0, 1, b"a")), "piece")
        self.assertEqual(self.kinds(piece(name, 0, 6, b"abcdeX")), "hash")
        self.assertEqual(os.listdir(self.incoming._folder), [])


class OutgoingBlobs(unittest.TestCase):
    def test_bounded(self):
        before, call_module.BLOB_BYTES_MAX = call_module.BLOB_BYTES_MAX, 100
        self.addCleanup(setattr, call_module, "BLOB_BYTES_MAX", before)
        call = Call("c1", "x")
        self.assertEqual(call.blob(b"x" * 60, dtype="uint8", shape=(60,))["shape"], [60])
        call.blob(b"x" * 60)  # the same bytes count once
        with self.assertRaises(Problem) as caught:
            call.blob(b"y" * 60)
        self.assertEqual(caught.exception.code, "value_too_large")


class Memory(unittest.TestCase):
    def test_it_grows(self):
        before = memory.rss_mb()
        held = bytearray(30000000)
        held[::4096] = b"x" * len(held[::4096])
        told = memory.told(before)
        self.assertGreater(told["delta_mb"], 20)
        self.assertAlmostEqual(told["rss_mb"] - before, told["delta_mb"], 3)
        self.assertEqual(memory.told(None)["delta_mb"], None)


class Home(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        os.makedirs(os.path.join(self.folder, "run"))
        os.makedirs(os.path.join(self.folder, "tokens"))

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(text)

    def why(self):
        with self.assertRaises(home.HomeError) as caught:
            home.find(self.folder)
        return str(caught.exception)

    def test_each_thing_that_can_be_wrong(self):
        self.assertIn("no hub is running", self.why())
        for text in (b"", b"{}", b"[]", b'{"bridge": "nowhere"}', b"\xff"):
            self.write("run/hub.json", text)
            self.assertIn("does not name", self.why())
        self.write("run/hub.json", b'{"bridge": "127.0.0.1:5", "url": "u"}')
        self.assertIn("no bridge token", self.why())
        for text in (b"\xff", "ä".encode()):
            self.write("tokens/bridge", text)
            self.assertIn("is not a token", self.why())
        self.write("tokens/bridge", b" \n")
        self.assertIn("is empty", self.why())
        self.write("tokens/bridge", b" abc\n")
        self.assertEqual(home.find(self.folder), ("127.0.0.1", 5, b"abc", "u"))

    def test_where_it_is(self):
        before = os.environ.get("KAPELLE_HOME")
        self.addCleanup(
            lambda: os.environ.__setitem__("KAPELLE_HOME", before) if before else os.environ.pop("KAPELLE_HOME", 0)
        )
        os.environ["KAPELLE_HOME"] = "/some/where"
        self.assertEqual((home.folder(), home.folder("/else")), ("/some/where", "/else"))
        del os.environ["KAPELLE_HOME"]
        self.assertTrue(home.folder().endswith(".kapelle"))
