# SPDX-License-Identifier: MIT OR Apache-2.0
"""The direct mode over real sockets: dialects, splits, errors, and what must not happen."""

import base64
import json
import random
import select
import socket
import struct
import threading
import types
import unittest
from unittest import mock

from bridgekit import VERSION, commands_code, direct, presence
from bridgekit.executor import Executor
from bridgekit.frames import FrameError
from bridgekit.host import Host
from bridgekit.objects import ObjectReader
from bridgekit.table import Table
from bridgekit.tests.support import wait_for

SECONDS = 30.0
PONG = {"status": "success", "result": {"message": "pong", "kapelle": VERSION}}


class Objects(unittest.TestCase):
    def test_any_split_gives_the_same_objects(self):
        chance = random.Random(7)
        texts = ["", "plain", 'quo"te', "back\\slash\\", "ümlaut €", "{[}]", "\\u0000 \x00", "\n\r\t"]
        for _round in range(300):
            told = [{chance.choice(texts): [chance.choice(texts), {"deep": chance.choice(texts)}]} for _n in range(3)]
            between = [chance.choice([b"", b"\0", b"\n", b"\r\n", b"  "]) for _n in told]
            ascii_only = chance.random() < 0.5
            data = b"".join(
                json.dumps(one, ensure_ascii=ascii_only).encode("utf-8") + gap for one, gap in zip(told, between)
            )
            reader, found = ObjectReader(), []
            while data:
                size = chance.randint(1, 9)
                found += reader.feed(data[:size])
                data = data[size:]
            self.assertEqual([json.loads(one.decode("utf-8")) for one in found], told)

    def test_the_terminator_is_what_came_last(self):
        for end in (b"\0", b"\n"):
            reader = ObjectReader()
            self.assertEqual(reader.feed(b'{"a": 1}' + end), [b'{"a": 1}'])
            self.assertEqual(reader.terminator, end)
        self.assertEqual(ObjectReader().terminator, b"")

    def test_what_is_no_object_ends_the_stream(self):
        for data in (b"GET / HTTP/1.1\r\n", b"[1]", b"\xff", b'"x"', b'{"a":1} x', b"\x16\x03\x01"):
            with self.assertRaises(FrameError):
                ObjectReader().feed(data)

    def test_bounds(self):
        with self.assertRaises(FrameError):
            ObjectReader().feed(b'{"a":' * 1000)
        with self.assertRaises(FrameError):
            ObjectReader(bytes_max=100).feed(b'{"a": "' + b"x" * 200)

    def test_large_texts_are_read_in_one_go(self):
        code = "x = 'é\\n'\n" * 200000
        data = json.dumps({"code": code}).encode("utf-8")
        reader, found = ObjectReader(), []
        for at in range(0, len(data), 8192):
            found += reader.feed(data[at : at + 8192])
        self.assertEqual(json.loads(found[0].decode("utf-8"))["code"], code)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._left = ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def send(self, *messages, end=b""):
        for one in messages:
            self.socket.sendall(json.dumps(one).encode("utf-8") + end)

    def hear(self):
        """The next object; what stands behind it is kept in `end`."""
        decoder = json.JSONDecoder()
        while True:
            try:
                self._left = self._left.lstrip(" ")
                told, at = decoder.raw_decode(self._left)
                rest = self._left[at:]
                self.end = rest[:1] if rest[:1] in ("\0", "\n") else ""
                self._left = rest[len(self.end) :].lstrip(" ")
                return told
            except ValueError:
                data = self.socket.recv(65536)
                if not data:
                    raise EOFError(self._left) from None
                self._left += data.decode("utf-8")

    def ask(self, message, end=b""):
        self.send(message, end=end)
        return self.hear()

    def code(self, code, **params):
        return self.ask({"type": "execute_code", "params": dict(params, code=code)})


def reset_connection(one):
    """As a client does that is killed with something unread."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


class Direct(unittest.TestCase):
    def setUp(self):
        self.table = Table()
        host = Host()
        commands_code.install(self.table, host)
        self.executor = Executor(self.table, host)
        self.ended = []

        @self.table.command("thing.tell", effect="read")
        def tell(call, name="x"):
            return {"name": name, "data": call.blob(b"abc")}

        told = {"get_thing": lambda params: ("thing.tell", {"name": params.get("name", "?")}, lambda value: value)}
        self.listener = direct.Listener(self.executor, told, self.ended.append, exit_on_systemexit=True)
        self.port = self.listener.start(0)
        self.thread = threading.Thread(target=self.executor.run_forever)
        self.thread.start()

    def tearDown(self):
        self.listener.close()
        self.executor.stop("over")
        self.thread.join(SECONDS)
        self.executor.close()

    def client(self):
        return Client(self.port)

    def test_typed(self):
        with self.client() as client:
            told = client.code("print('hi')\n1+1")
            self.assertEqual(told["status"], "success")
            result = told["result"]
            self.assertEqual((result["executed"], result["result"], result["value"]), (True, "hi\n", 2))
            self.assertEqual(result["output"], {"stdout": "hi\n", "stderr": ""})
            self.assertEqual(told["output"]["stdout"], "hi\n")
            self.assertEqual(set(told["metadata"]), {"objects_created", "scene_changes", "changes", "memory_usage"})
            self.assertEqual(client.code("21 * 2")["result"]["result"], "42", "a value where nothing was printed")
            self.assertEqual(client.end, "")

    def test_variables_last_as_long_as_the_connection(self):
        with self.client() as client, self.client() as other:
            client.code("kept = 5")
            self.assertEqual(client.code("kept")["result"]["value"], 5)
            self.assertEqual(other.code("kept")["error_type"], "NameError")

    def test_errors_are_told_with_their_traceback(self):
        with self.client() as client:
            told = client.code("print('before')\n1/0")
            self.assertEqual((told["status"], told["error_type"]), ("error", "ZeroDivisionError"))
            self.assertEqual(told["output"]["stdout"], "before\n")
            self.assertIn("line 2", told["traceback"])
            self.assertIn("ZeroDivisionError", told["message"])
            self.assertEqual(client.code("1+1")["result"]["value"], 2)

    def test_action_with_ids(self):
        with self.client() as client:
            client.send(
                {"action": "execute_code", "params": {"code": "print(1); 2"}, "id": "a"},
                {"action": "execute_code", "params": {"code": "1/0"}, "id": 7},
                {"action": "nonsense", "id": "c"},
            )
            first, second, third = client.hear(), client.hear(), client.hear()
            wanted = {"id": "a", "status": "success", "type": "code_executed", "success": True}
            self.assertEqual(first, dict(wanted, output="1\n", result=2))
            self.assertEqual((second["id"], second["success"], second["error_type"]), (7, False, "ZeroDivisionError"))
            self.assertIn("line 1", second["traceback"])
            self.assertEqual((third["id"], third["status"]), ("c", "error"))
            self.assertTrue(third["error"].startswith("Unknown command type: nonsense"))

    def test_the_end_comes_after_the_answer_to_what_ran(self):
        """However long the thread of that client takes to say it."""
        say = direct.dialects.executed
        began, ends = threading.Event(), threading.Event()

        def say_late(request, outcome):
            began.set()
            ends.wait(1.0)
            return say(request, outcome)

        with self.client() as client, mock.patch.object(direct.dialects, "executed", say_late):
            client.send({"type": "execute_code", "params": {"code": "print(1)\nwhile True: pass"}})
            wait_for(lambda: self.executor.running, what="its run")
            self.executor.stop_soon("signal 15")
            self.assertTrue(began.wait(SECONDS))
            self.listener.close()
            ends.set()
            told = client.hear()
            self.assertEqual((told["status"], told["output"]["stdout"]), ("error", "1\n"))
            with self.assertRaises((EOFError, OSError)):
                client.hear()

    def test_execute_with_nul(self):
        with self.client() as client:
            told = client.ask({"type": "execute", "code": "print(3)\n{'a': 1}", "strict_json": True}, end=b"\0")
            self.assertEqual(told, {"status": "ok", "result": {"a": 1}, "stdout": "3\n", "stderr": ""})
            self.assertEqual(client.end, "\0")
            told = client.ask({"type": "execute", "code": "1/0", "strict_json": False}, end=b"\0")
            self.assertEqual(told["status"], "error")

    def test_lines(self):
        with self.client() as client:
            told = client.ask({"type": "ping"}, end=b"\n")
            self.assertEqual((told, client.end), (PONG, "\n"))

    def test_joined_and_split_messages(self):
        with self.client() as client:
            data = b"".join(
                json.dumps({"type": "execute_code", "params": {"code": "'ü%d€'" % n}}, ensure_ascii=False).encode(
                    "utf-8"
                )
                for n in range(20)
            )
            for byte in data:
                client.socket.sendall(bytes((byte,)))
            told = [client.hear()["result"]["value"] for _n in range(20)]
            self.assertEqual(told, ["ü%d€" % n for n in range(20)])

    def test_base64_both_ways(self):
        with self.client() as client:
            code = base64.b64encode("print('ü')".encode()).decode("ascii")
            told = client.code(code, code_is_base64=True, return_as_base64=True)["result"]
            self.assertTrue(told["result_is_base64"])
            self.assertEqual(base64.b64decode(told["result"]).decode("utf-8"), "ü\n")
            self.assertEqual(client.code("%%%", code_is_base64=True)["code"], "arguments_invalid")

    def test_a_timeout(self):
        with self.client() as client:
            told = client.code("while True: pass", timeout=0.2)
            self.assertEqual(told["status"], "timeout")
            self.assertEqual(client.code("1", timeout="soon")["code"], "arguments_invalid")

    def test_asynchronous(self):
        with self.client() as client:
            job = client.code("print('x'); 5", execution_mode="async")["result"]["job_id"]
            other = client.code("while True: pass", execution_mode="async")["result"]["job_id"]
            client.ask({"type": "cancel_job", "params": {"job_id": other}})
            client.code("0")  # runs after both
            told = client.ask({"type": "get_job_result", "params": {"job_id": job}})["result"]
            self.assertEqual((told["done"], told["result"]["value"], told["output"]["stdout"]), (True, 5, "x\n"))
            told = client.ask({"type": "get_job_status", "params": {"job_id": other}})["result"]
            self.assertEqual((told["done"], told["status"]), (True, "cancelled"))
            told = client.ask({"type": "get_job_status", "params": {"job_id": "none"}})
            self.assertEqual(told["code"], "call_unknown")

    def test_asynchronous_as_the_forms_have_it(self):
        with self.client() as client:
            told = client.code("5", execution_mode="async")
            self.assertEqual((told["response"], told["message"]), ("OK", "Code execution scheduled"))
            self.assertTrue(told["job_id"])
            told = client.code("5", execution_mode="at once")
            self.assertEqual((told["status"], told["code"]), ("error", "arguments_invalid"))
            self.assertIn("sync, async, auto", told["message"])
            params = {"code": "print(3)", "execution_mode": "async"}
            client.send({"action": "execute_code", "params": params, "id": "later"})
            first, second = client.hear(), client.hear()
            self.assertEqual((first["id"], first["status"]), ("later", "processing"))
            self.assertEqual(first["message"], "Code execution started")
            self.assertEqual((second["id"], second["type"], second["output"]), ("later", "code_executed", "3\n"))

    def test_auto_waits_and_then_goes_on_as_asynchronous(self):
        with self.client() as client:
            self.assertEqual(client.code("5", execution_mode="auto")["result"], 5)
            told = client.code("while True: pass", execution_mode="auto", async_after=0.05)
            self.assertEqual(told["response"], "OK")
            told = client.ask({"type": "cancel_job", "params": {"job_id": told["job_id"]}})
            self.assertEqual(told["status"], "success")

    def test_the_synchronous_form_has_the_value_as_its_result(self):
        with self.client() as client:
            told = client.code("_result = {'a': 1}\n2", execution_mode="sync")
            self.assertEqual((told["status"], told["result"]), ("success", {"a": 1}), "_result counts first")
            self.assertEqual((told["error"], told["traceback"]), (None, None))
            self.assertEqual(client.code("2", timeout=20)["result"], 2)
            self.assertEqual(client.code("_result = 1\n2")["result"]["value"], 1, "also in the older form")
            told = client.code("print('x')", capture_output=False)
            self.assertEqual(told["output"]["stdout"], "")

    def test_reset(self):
        with self.client() as client:
            client.code("kept = 5")
            self.assertEqual(client.code("'kept' in globals()", reset=True)["result"]["value"], False)
            client.code("kept = 5")
            self.assertEqual(client.ask({"type": "reset"}), {"status": "success", "result": {"reset": True}})
            self.assertEqual(client.code("'kept' in globals()")["result"]["value"], False)

    def test_an_id_comes_back_also_with_an_error(self):
        with self.client() as client:
            for wrong in ({"params": [1]}, {"params": "x"}, {"params": {"code": 5}}):
                told = client.ask(dict(wrong, action="execute_code", id="mine"))
                self.assertEqual((told["id"], told["status"], told["success"]), ("mine", "error", False), wrong)
                self.assertTrue(told["message"])
            told = client.ask({"action": "execute_code", "params": {"code": "1/0"}, "id": "mine"})
            self.assertEqual((told["id"], told["status"]), ("mine", "error"))
            self.assertIn("division by zero", told["message"])
            self.assertEqual(client.ask({"action": 5, "id": 3})["id"], 3)

    def test_a_call_without_a_limit_has_one(self):
        with mock.patch.object(direct, "TIMEOUT_S", 0.2), self.client() as client:
            told = client.code("while True: pass")
            self.assertEqual((told["status"], told["error_type"]), ("error", "timed_out"))
            self.assertEqual(client.code("import time; time.sleep(0.4); 1", timeout=20)["result"], 1)

    def test_a_client_that_leaves_ends_its_call(self):
        for leave in (lambda one: one.close(), reset_connection):
            with self.client() as client:
                client.send({"type": "execute_code", "params": {"code": "while True: pass", "timeout": 600}})
                wait_for(lambda: self.executor.running, what="its run")
                leave(client.socket)
                wait_for(lambda: not self.executor.running, what="its end")
            with self.client() as client:
                self.assertEqual(client.code("1+1")["result"]["value"], 2)

    def test_the_same_where_there_is_no_poll(self):
        """As on Windows."""
        with mock.patch.object(presence, "select", types.SimpleNamespace(select=select.select)):
            self.test_a_client_that_leaves_ends_its_call()
            self.test_a_client_that_has_said_all_still_hears()
            with self.client() as client:
                client.send(*[{"type": "execute_code", "params": {"code": "%d" % n}} for n in range(5)])
                self.assertEqual([client.hear()["result"]["value"] for _n in range(5)], list(range(5)))

    def test_a_client_that_has_said_all_still_hears(self):
        with self.client() as client:
            client.send({"type": "execute_code", "params": {"code": "import time; time.sleep(0.3); 7"}})
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.hear()["result"]["value"], 7)

    def test_progress_for_those_who_ask(self):
        with self.client() as client:
            code = "import kapelle\nkapelle.progress(0.5, 'half')\n1"
            client.send({"action": "execute_code", "id": "p", "params": {"code": code, "progress": True}})
            told = client.hear()
            self.assertEqual((told["type"], told["fraction"], told["text"]), ("progress", 0.5, "half"))
            self.assertEqual(client.hear()["result"], 1)
            self.assertEqual(client.code(code)["result"]["value"], 1, "nobody else gets any")

    def test_the_app_s_commands(self):
        with self.client() as client:
            told = client.ask({"type": "get_thing", "params": {"name": "n"}})["result"]
            self.assertEqual((told["name"], base64.b64decode(told["data"]["$base64"])), ("n", b"abc"))
            told = client.ask({"type": "nothing"})
            self.assertIn("Unknown command type: nothing", told["message"])
            self.assertIn("get_thing", told["message"])

    def test_bad_messages_get_an_answer_and_the_next_one_works(self):
        with self.client() as client:
            for bad in ({}, {"type": 5}, {"type": "x", "params": []}, {"params": {}}, {"action": None}):
                self.assertEqual(client.ask(bad)["code"], "body_malformed", bad)
            self.assertEqual(client.ask({"type": "execute_code"})["code"], "arguments_invalid")
            self.assertEqual(client.code("1")["result"]["value"], 1)

    def test_a_browser_s_request_runs_nothing(self):
        ran = json.dumps({"type": "execute_code", "params": {"code": "open('/nowhere/ran', 'w')"}})
        request = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s\n%s" % (len(ran), ran, ran)
        with self.client() as client:
            client.socket.sendall(request.encode("ascii"))
            try:
                heard = client.socket.recv(1000)
            except ConnectionError:
                heard = b""
            self.assertEqual(heard, b"", "closed without a word")

    def test_200_idle_connections(self):
        idle = [self.client() for _n in range(200)]
        with self.client() as client:
            self.assertEqual(client.code("1+1")["result"]["value"], 2)
        for one in idle:
            one.socket.close()

    def test_too_many_connections_are_told(self):
        held = [self.client() for _n in range(direct.CONNECTIONS_MAX)]
        for one in held:
            self.assertEqual(one.ask({"type": "ping"})["status"], "success")
        with self.client() as client:
            self.assertEqual(client.hear()["code"], "queue_full")
        for one in held:
            one.socket.close()

    def test_5_mb_both_ways(self):
        with self.client() as client:
            text = "x" * 5000000
            self.assertEqual(client.code("#%s\n'y' * 5000000" % text)["result"]["value"], "y" * 5000000)

    def test_the_end_of_the_program_comes_after_the_answer(self):
        with self.client() as client:
            told = client.code("import sys; sys.exit(3)")
            self.assertEqual((told["status"], told["error_type"]), ("error", "SystemExit"))
            client.ask({"type": "ping"})
            self.assertEqual(self.ended, ["the code raised SystemExit"])
            self.assertEqual(client.ask({"type": "server_shutdown"})["status"], "success")
            client.ask({"type": "ping"})
            self.assertEqual(self.ended[1:], ["a client asked for it"])

    def test_a_port_that_is_taken(self):
        second = direct.Listener(self.executor)
        with self.assertRaises(direct.Problem) as caught:
            second.start(self.port)
        self.assertIn(str(self.port), caught.exception.message)


if __name__ == "__main__":
    unittest.main()
