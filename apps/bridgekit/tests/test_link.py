# SPDX-License-Identifier: MIT OR Apache-2.0
"""The link against a hub in Python: handshake, calls, coming back, blobs, beats, wrong bytes."""

import hashlib
import os
import struct
import threading
import time
import unittest

from bridgekit import commands_code, frames, link, memory, outcome, still
from bridgekit.call import Call
from bridgekit.executor import Executor
from bridgekit.host import Host
from bridgekit.link import Link
from bridgekit.table import Table

from .fake_hub import FakeHub
from .support import wait_for


class Bridge:
    """A link and an executor whose main thread is a thread of the test."""

    def __init__(self, hub, **more):
        self.table = Table()
        self.host = Host()
        commands_code.install(self.table, self.host)
        self.executor = Executor(self.table, self.host)
        self.link = Link(
            hub.home, lambda: {"app": "plain", "mode": "background", "version": "1"}, self.executor, **more
        )
        self.thread = threading.Thread(target=self.executor.run_forever, daemon=True)

    def start(self):
        self.thread.start()
        self.link.start()
        return self

    def close(self):
        self.executor.stop("test over")
        self.thread.join(10)
        self.link.stop("test over")
        self.executor.close()
        if self.thread.is_alive():
            raise AssertionError("the main thread did not end")


class LinkTest(unittest.TestCase):
    def setUp(self):
        self.hub = FakeHub()
        self.bridge = None
        self.addCleanup(self.hub.close)
        backoff = link.BACKOFF_FIRST_S, link.BACKOFF_LAST_S
        link.BACKOFF_FIRST_S, link.BACKOFF_LAST_S = 0.02, 0.1
        self.addCleanup(lambda: vars(link).update(BACKOFF_FIRST_S=backoff[0], BACKOFF_LAST_S=backoff[1]))

    def connect(self, **more):
        self.hub.listen()
        return self.begin(**more)

    def begin(self, **more):
        self.bridge = Bridge(self.hub, **more).start()
        self.addCleanup(self.bridge.close)
        return self.bridge

    def state(self):
        return self.bridge.link.status()["state"]


class DirectCalls(LinkTest):
    """What the direct mode did is told to a hub that wants to hear it."""

    def direct(self, code, **args):
        call = Call("direct_1", "code.run", dict(args, code=code), "direct-7", ("code",))
        told = outcome.build(call, "succeeded", value="x" * args.get("size", 1))
        self.bridge.link.direct(call, told)

    def test_they_are_told_at_once_or_when_a_hub_comes(self):
        self.begin()
        self.direct("1")
        self.hub.listen()
        told = self.hub.wait("direct", client="direct-7")
        self.assertEqual((told["command"], told["args"], told["value"]), ("code.run", {"code": "1"}, "x"))
        self.assertEqual((told["status"], told["output"]["stdout"]), ("succeeded", ""))
        self.direct("2")
        self.hub.wait_all(2, "direct")

    def test_long_values_stay_where_they_are(self):
        self.connect()
        wait_for(lambda: self.state() == "connected")
        self.direct("1", size=link.DIRECT_CHARS_MAX)
        told = self.hub.wait("direct")
        self.assertIsNone(told["value"])
        self.assertIn("dropped", told["output"]["logs"][0]["text"])

    def test_an_older_hub_hears_nothing_that_it_does_not_know(self):
        self.hub.wants_direct = False
        self.connect()
        wait_for(lambda: self.state() == "connected")
        self.direct("1")
        self.hub.call("call_1", "1 + 1")
        self.hub.outcome("call_1")
        self.assertEqual([one for one in self.hub.messages if one["t"] == "direct"], [])


class Handshake(LinkTest):
    def test_it_announces_and_is_welcomed(self):
        self.connect()
        told = self.hub.wait_connections(1)
        self.assertEqual((told["app"], told["mode"], told["version"]), ("plain", "background", "1"))
        self.assertEqual(told["pid"], os.getpid())
        self.assertEqual(len(told["session"]), 32)
        self.assertEqual(told["calls"], {"running": [], "queued": [], "ended": [], "complete": True})
        wait_for(lambda: self.state() == "connected")
        status = self.bridge.link.status()
        self.assertEqual((status["instance"], status["hub"]), ("fake-1", "http://127.0.0.1:1"))

    def test_a_hub_that_does_not_know_the_token_learns_nothing(self):
        self.hub.secret = "0" * 64
        self.connect()
        wait_for(lambda: self.state() == "refused")
        self.assertIn("does not know the bridge token", self.bridge.link.status()["why"])
        self.assertEqual(self.hub.announcements, [])
        # The file is read again at every dial.
        self.hub.write_token(self.hub.secret)
        self.hub.wait_connections(1)

    def test_a_wrong_version_is_dialled_slowly(self):
        self.hub.protocol = 2
        self.connect()
        wait_for(lambda: self.state() == "refused")
        self.assertIn("protocol 2", self.bridge.link.status()["why"])

    def test_a_refusal_is_told(self):
        self.hub.refuse_with = {"code": "protocol_mismatch", "message": "too old", "retryable": False}
        self.connect()
        wait_for(lambda: self.state() == "refused")
        self.assertEqual(self.bridge.link.status()["why"], "too old")

    def test_without_a_hub_it_says_why_and_finds_it_later(self):
        self.begin()
        wait_for(lambda: "no hub is running" in (self.bridge.link.status()["why"] or ""))
        self.assertEqual(self.state(), "connecting")
        self.hub.listen()
        self.hub.wait_connections(1)

    def test_another_program_at_the_port(self):
        self.hub.listen()
        self.hub._serve = lambda connection: (
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            connection.close(),
        )
        self.begin()
        wait_for(lambda: "HTTP" in (self.bridge.link.status()["why"] or ""))


class Calls(LinkTest):
    def test_a_call_starts_and_ends(self):
        self.connect()
        self.hub.call("c1", "print('hi')\n6*7")
        told = self.hub.outcome("c1")
        self.assertEqual((told["status"], told["value"], told["output"]["stdout"]), ("succeeded", 42, "hi\n"))
        kinds = [m["t"] for m in self.hub.messages if m.get("id") == "c1"]
        self.assertEqual(kinds, ["started", "outcome"])
        wait_for(lambda: len(self.bridge.link._outbox) == 0, what="the ack")

    def test_started_is_on_the_wire_before_the_first_instruction(self):
        self.connect()
        path = os.path.join(self.hub.home, "go")
        self.hub.call("c1", f"import os, time\nwhile not os.path.exists({path!r}): time.sleep(0.001)\n1")
        self.hub.wait("started", id="c1")  # the code cannot have ended
        open(path, "w").close()
        self.hub.outcome("c1")

    def test_the_same_id_runs_once(self):
        self.connect()
        self.hub.call("c0", "n = 0", namespace=None)
        self.hub.call("c1", "n += 1\nn")
        self.hub.call("c1", "n += 1\nn")
        self.hub.call("c2", "n")
        self.assertEqual(self.hub.outcome("c2")["value"], 1)
        self.assertEqual(len(self.hub.wait_all(1, "outcome", id="c1")), 1)

    def test_output_and_progress_are_streamed_while_it_runs(self):
        self.connect()
        path = os.path.join(self.hub.home, "go")
        code = f"import os, sys, time, logging, kapelle\nprint('one')\nprint('two', file=sys.stderr)\nlogging.getLogger('mine').warning('three')\nkapelle.progress(0.5, 'half')\nwhile not os.path.exists({path!r}): time.sleep(0.001)\nprint('four')"
        self.hub.call("c1", code)
        self.assertEqual(self.hub.wait("output", id="c1", stream="stdout")["text"], "one\n")
        self.assertEqual(self.hub.wait("output", id="c1", stream="stderr")["text"], "two\n")
        self.assertIn("three", self.hub.wait("output", id="c1", stream="log")["text"])
        told = self.hub.wait("progress", id="c1")
        self.assertEqual((told["fraction"], told["text"]), (0.5, "half"))
        open(path, "w").close()
        self.assertEqual(self.hub.outcome("c1")["output"]["stdout"], "one\nfour\n")

    def test_streams_are_joined_to_20_a_second(self):
        self.connect()
        code = "import time\nend = time.monotonic() + 0.6\nn = 0\nwhile time.monotonic() < end:\n  n += 1; print(n)\nn"
        self.hub.call("c1", code)
        told = self.hub.outcome("c1")
        streamed = [m["text"] for m in self.hub.messages if m["t"] == "output"]
        self.assertGreater(told["value"], 1000)
        self.assertTrue(3 <= len(streamed) <= 14, len(streamed))
        at = [m.get("t") for m in self.hub.messages if m.get("id") == "c1"]
        self.assertEqual(at[-1], "outcome", "nothing of a call may come behind its outcome")

    def test_cancel_of_a_running_and_of_a_waiting_call(self):
        self.connect()
        self.hub.call("c1", "while True: pass")
        self.hub.call("c2", "1")
        self.hub.wait("started", id="c1")
        self.hub.send({"t": "cancel", "id": "c2", "reason": "cancelled"})
        self.assertEqual(self.hub.outcome("c2")["status"], "cancelled")
        began = time.monotonic()
        self.hub.send({"t": "cancel", "id": "c1", "reason": "timed_out"})
        self.assertEqual(self.hub.outcome("c1")["status"], "timed_out")
        self.assertLess(time.monotonic() - began, 2)
        self.assertFalse([m for m in self.hub.messages if m["t"] == "started" and m["id"] == "c2"])

    def test_a_call_without_form_ends_the_connection(self):
        self.connect()
        self.hub.send({"t": "call", "id": 7})
        self.assertEqual(self.hub.wait("refused")["problem"]["code"], "frame_malformed")

    def test_unknown_messages_are_passed_over(self):
        self.connect()
        self.hub.send({"t": "from_the_future"})
        self.hub.call("c1", "1")
        self.hub.outcome("c1")

    def test_state_is_pushed_after_a_change_and_at_connect(self):
        self.hub.listen()
        bridge = Bridge(self.hub)
        seen = {"revision": 0}
        bridge.host.state = lambda: dict(seen)
        self.bridge = bridge.start()
        self.addCleanup(bridge.close)
        self.assertEqual(self.hub.wait("state")["state"], {"revision": 0})
        seen["revision"] = 1
        self.hub.call("c1", "1")
        self.hub.outcome("c1")
        wait_for(lambda: [m for m in self.hub.messages if m["t"] == "state" and m["state"] == {"revision": 1}])


class ComingBack(LinkTest):
    def test_five_calls_through_a_killed_hub_each_run_once(self):
        self.connect()
        self.hub.acknowledge = False
        path = os.path.join(self.hub.home, "go")
        self.hub.call("c0", "runs = []")
        self.hub.outcome("c0")
        self.hub.call("c1", "runs.append(1)\n'done'")
        self.hub.outcome("c1")
        wait = f"import os, time\nwhile not os.path.exists({path!r}): time.sleep(0.001)\n"
        self.hub.call("c2", wait + "runs.append(2)")
        for name in ("c3", "c4", "c5"):
            self.hub.call(name, f"runs.append({name[1]})\nlen(runs)")
        self.hub.wait("started", id="c2")
        self.hub.call("c6", "0")
        wait_for(lambda: len(self.bridge.executor._waiting) == 4)
        port = self.hub.port
        self.hub.kill()
        self.hub.forget()
        wait_for(lambda: self.state() == "connecting")
        self.hub.listen(port)
        told = self.hub.wait_connections(2)
        self.assertEqual(told["name"], "fake-1")
        self.assertEqual([c["id"] for c in told["calls"]["running"]], ["c2"])
        self.assertEqual([c["id"] for c in told["calls"]["queued"]], ["c3", "c4", "c5", "c6"])
        self.assertEqual([c["id"] for c in told["calls"]["ended"]], ["c0", "c1"])
        self.assertEqual(told["calls"]["running"][0], {"id": "c2", "command": "code.run", "owner": "tester"})
        self.assertEqual(self.hub.outcome("c1")["value"], "done")
        self.hub.acknowledge = True
        open(path, "w").close()
        self.assertEqual(self.hub.outcome("c5")["value"], 5)
        self.hub.call("c7", "runs")
        self.assertEqual(self.hub.outcome("c7")["value"], [1, 2, 3, 4, 5])

    def test_what_is_kept_for_a_token_is_not_there_for_a_later_one_of_its_name(self):
        self.connect()
        agent = {"owner": "agent", "owner_id": "agent#1f"}
        self.hub.call("c0", "secret = 7", **agent)
        self.hub.outcome("c0")
        self.hub.call("c1", "secret", **agent)
        self.assertEqual(self.hub.outcome("c1")["value"], 7)
        self.hub.call("c2", "'secret' in globals()", owner="agent", owner_id="agent#2e")
        self.assertIs(self.hub.outcome("c2")["value"], False)
        self.hub.call("c3", "'secret' in globals()", owner="agent", owner_id=None)
        self.assertIs(self.hub.outcome("c3")["value"], False)

    def test_what_the_hub_has_marked_is_told_to_the_next_one(self):
        self.connect()
        self.hub.acknowledge = False
        path = os.path.join(self.hub.home, "go")
        self.hub.call("c0", "0", mark="m0")
        self.hub.outcome("c0")
        self.hub.call("c1", f"import os, time\nwhile not os.path.exists({path!r}): time.sleep(0.001)", mark="m1")
        self.hub.call("c2", "2", mark="m2")
        self.hub.call("c3", "3", mark="m" * 65)
        self.hub.call("c4", "4", mark=["m4"])
        self.hub.wait("started", id="c1")
        wait_for(lambda: len(self.bridge.executor._waiting) == 3)
        port = self.hub.port
        self.hub.kill()
        self.hub.listen(port)
        told = self.hub.wait_connections(2)["calls"]
        marks = {part: {call["id"]: call.get("mark") for call in told[part]} for part in ("ended", "running", "queued")}
        self.assertEqual(
            marks, {"ended": {"c0": "m0"}, "running": {"c1": "m1"}, "queued": {"c2": "m2", "c3": None, "c4": None}}
        )
        open(path, "w").close()
        self.assertEqual(self.hub.outcome("c4")["value"], 4)

    def test_what_ends_while_the_hub_is_away_is_kept(self):
        self.connect()
        path = os.path.join(self.hub.home, "go")
        self.hub.call("c1", f"import os, time\nwhile not os.path.exists({path!r}): time.sleep(0.001)\n'kept'")
        self.hub.wait("started", id="c1")
        port = self.hub.port
        self.hub.kill()
        open(path, "w").close()
        wait_for(lambda: len(self.bridge.link._outbox) == 1)
        self.hub.listen(port)
        self.assertEqual([c["id"] for c in self.hub.wait_connections(2)["calls"]["ended"]], ["c1"])
        self.assertEqual(self.hub.outcome("c1")["value"], "kept")
        wait_for(lambda: len(self.bridge.link._outbox) == 0, what="the ack")

    def test_a_silent_hub_counts_as_lost(self):
        before, link.SILENCE_S = link.SILENCE_S, 0.4
        self.addCleanup(setattr, link, "SILENCE_S", before)
        self.hub.answer_beats = False
        self.connect()
        self.hub.wait_connections(2)

    def test_a_hub_that_stays_away_is_told_once(self):
        told = []
        self.begin(away_limit_s=0.2, on_away=lambda: told.append(1))
        wait_for(lambda: told)
        time.sleep(0.3)
        self.assertEqual(told, [1])


class Beats(LinkTest):
    def test_they_come_while_the_main_thread_is_held_up(self):
        self.connect()
        self.hub.call("c1", "import time\ntime.sleep(0.6)")
        self.hub.wait("started", id="c1")
        beats = [m for m in self.hub.wait_all(5, "beat") if m["running"]]
        wait_for(lambda: len([m for m in self.hub.messages if m["t"] == "beat" and m["running"]]) >= 3)
        beats = [m for m in self.hub.messages if m["t"] == "beat" and m["running"]]
        self.assertEqual(beats[0]["running"]["id"], "c1")
        self.assertGreater(beats[2]["running"]["age_ms"], beats[0]["running"]["age_ms"])
        self.assertGreater(beats[2]["pulse_ms"], 50)
        self.hub.outcome("c1")
        self.hub.forget()
        self.hub.wait("beat", pulse_ms=0)

    def test_they_tell_how_much_memory_the_process_holds(self):
        self.connect()
        told = self.hub.wait("beat")
        self.assertIn("rss_mb", told)
        if memory.rss_mb() is not None:
            self.assertGreater(told["rss_mb"], 1)

    def test_wedged_is_told_at_once_and_the_outcome_is_the_timeout(self):
        self.hub.heartbeat_ms = 2000
        self.connect()
        # One C call that cannot be interrupted, and lets go of the interpreter.
        self.hub.call("c1", "import time\ntime.sleep(1.5)\n'value'", timeout_ms=100)
        told = self.hub.outcome("c1")
        before = self.hub.messages[: self.hub.messages.index(told)]
        beats = [m["running"] for m in before if m["t"] == "beat" and m["running"]]
        self.assertTrue(beats[-1]["wedged"], "the beats come every 2 s, so this one came out of turn")
        self.assertTrue(550 <= beats[-1]["age_ms"] <= 1400, beats)
        self.assertEqual((told["status"], told["value"]), ("timed_out", None))
        self.hub.call("c2", "1")
        self.assertEqual(self.hub.outcome("c2")["value"], 1)


class Blobs(LinkTest):
    def blob(self, data):
        return "sha256:" + hashlib.sha256(data).hexdigest()

    def test_a_blob_goes_in_and_comes_out_and_is_removed(self):
        self.connect()
        seen = []

        @self.bridge.table.command("blob.turn", effect="read")
        def turn(call, data):
            seen.append(call.blob_path(data))
            return call.blob(call.read_blob(data)[::-1], media_type="image/png")

        data = os.urandom(9 * 1024 * 1024)
        name = self.blob(data)
        for head, part in frames.pieces(name, data):
            self.hub.send_raw(head + bytes(part))
        self.hub.call("c1", "", command="blob.turn", args={"data": {"$blob": name, "bytes": len(data)}})
        told = self.hub.outcome("c1")["value"]
        self.assertEqual(
            (told["$blob"], told["bytes"], told["media_type"]), (self.blob(data[::-1]), len(data), "image/png")
        )
        self.assertEqual(bytes(self.hub.blobs[told["$blob"]]), data[::-1])
        wait_for(lambda: not os.path.exists(seen[0]), what="the removal")

    def test_a_wrong_hash_ends_the_connection(self):
        self.connect()
        for head, part in frames.pieces(self.blob(b"other"), b"these"):
            self.hub.send_raw(head + bytes(part))
        self.assertEqual(self.hub.wait("refused")["problem"]["details"]["kind"], "hash")

    def test_a_blob_that_did_not_come(self):
        self.connect()

        @self.bridge.table.command("blob.size", effect="read")
        def size(call, data):
            return len(call.read_blob(data))

        self.hub.call("c1", "", command="blob.size", args={"data": {"$blob": self.blob(b"x")}})
        self.assertEqual(self.hub.outcome("c1")["problem"]["code"], "blob_unknown")

    def test_beats_pass_between_the_pieces_of_a_large_outcome(self):
        self.connect()
        self.hub.call("c1", "b'x' * (40 * 1024 * 1024)")
        told = self.hub.outcome("c1", 30)["value"]
        self.assertEqual(len(self.hub.blobs[told["$blob"]]), 40 * 1024 * 1024)
        self.hub.call("c2", "1")
        self.hub.outcome("c2")


class WrongBytes(LinkTest):
    def test_each_is_refused_once_and_the_link_comes_back(self):
        self.connect()
        wrong = [b"\0\0\0\0", b"\xff\xff\xff\xff", struct.pack(">I", 5) + b"hello", struct.pack(">I", 2) + b"{]"]
        for count, data in enumerate(wrong, 1):
            self.hub.wait_connections(count)
            self.hub.forget()
            self.hub.send_raw(data)
            self.hub.wait("refused")
            self.hub.wait_connections(count + 1)
        self.hub.call("c1", "1")
        self.hub.outcome("c1")


class Leaving(LinkTest):
    def test_stop_says_goodbye_behind_the_last_outcome(self):
        self.connect()
        self.hub.call("c1", "'x' * 3000000")
        self.hub.wait("started", id="c1")
        wait_for(
            lambda: (
                len(self.bridge.link._outbox) == 1
                or "c1" in [m.get("id") for m in self.hub.messages if m["t"] == "outcome"]
            )
        )
        self.bridge.link.stop("enough")
        self.hub.outcome("c1")
        self.assertEqual(self.hub.wait("bye")["reason"], "enough")
        self.assertEqual(self.state(), "stopped")

    def test_the_hubs_stop_disconnects_a_gui(self):
        self.connect()
        self.hub.wait_connections(1)
        self.hub.send({"t": "stop"})
        wait_for(lambda: self.state() == "stopped")

    def test_the_hubs_stop_reaches_a_background_process(self):
        told = []
        self.connect(on_stop=lambda: told.append(1))
        self.hub.wait_connections(1)
        self.hub.send({"t": "stop"})
        wait_for(lambda: told)


class Held(LinkTest):
    def test_nothing_beats_and_nothing_is_read_until_the_hold_ends(self):
        bridge = self.connect()
        self.hub.wait("beat")
        with still.hold(True):
            time.sleep(0.05)
            self.hub.forget()
            self.hub.call("c1", "6 * 7")
            time.sleep(0.3)
            self.assertEqual([one["t"] for one in self.hub.messages], [])
            self.assertEqual(bridge.executor.live(), [])
        self.assertEqual(self.hub.outcome("c1")["value"], 42)
        self.hub.wait("beat")

    def test_one_that_dials_in_vain_is_held_too_and_dials_on(self):
        bridge = self.begin()
        wait_for(lambda: bridge.link.status()["why"])
        began = time.monotonic()
        with still.hold(True):
            self.assertLess(time.monotonic() - began, still.REST_WAIT_S, "nobody needs to be waited for")
        self.hub.listen()
        self.hub.wait_connections(1)
