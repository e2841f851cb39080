# SPDX-License-Identifier: MIT OR Apache-2.0
"""Commands, the host, deferred calls, state, and what a broken command or host does to the pump."""

import threading
import time
import unittest

from bridgekit import deferred as deferred_module
from bridgekit import watchdog as watchdog_module
from bridgekit.call import Deferred
from bridgekit.host import Host
from bridgekit.problem import Problem
from bridgekit.table import Table

from .support import Bench, later, wait_for


class Commands(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()
        self.addCleanup(self.bench.close)
        table = self.bench.table

        @table.command("thing.make")
        def make(call, name, size=1):
            call.log("warning", f"made {name}", "thing")
            call.progress(2.0, "done")
            return {"name": name, "size": size}

        @table.command("thing.break")
        def broken(call):
            return {}["missing"]

        @table.command("thing.refuse")
        def refuse(call):
            raise Problem("not_found", "There is no thing.", hint="There are: a, b.", details={"names": ["a", "b"]})

    def test_a_command(self):
        told = self.bench.run("thing.make", {"name": "a"})
        self.assertEqual((told["status"], told["value"]), ("succeeded", {"name": "a", "size": 1}))
        self.assertEqual(told["output"]["logs"], [{"level": "warning", "source": "thing", "text": "made a"}])
        self.assertGreater(told["memory"]["rss_mb"], 1)
        self.assertEqual(told["changes"], {"added": [], "changed": [], "removed": []})
        self.assertNotIn("problem", told)

    def test_a_problem(self):
        told = self.bench.run("thing.refuse")
        self.assertEqual(told["status"], "failed")
        self.assertEqual(
            told["problem"],
            {
                "code": "not_found",
                "message": "There is no thing.",
                "hint": "There are: a, b.",
                "details": {"names": ["a", "b"]},
                "severity": "error",
                "retryable": False,
            },
        )

    def test_an_exception_that_the_command_did_not_expect_is_a_bug(self):
        told = self.bench.run("thing.break")["problem"]
        self.assertEqual((told["code"], told["severity"]), ("call_failed", "bug"))
        self.assertIn("thing.break failed: KeyError: 'missing'", told["message"])
        self.assertIn("in broken", told["details"]["traceback"])
        self.bench.host.explain = lambda exc, call: "try another key"
        told = self.bench.run("thing.break")["problem"]
        self.assertEqual((told["hint"], told["severity"]), ("try another key", "error"))

    def test_unknown_command_and_arguments(self):
        told = self.bench.run("thing.mak")["problem"]
        self.assertEqual(told["code"], "command_unknown")
        self.assertIn("Did you mean thing.make", told["hint"])
        told = self.bench.run("thing.make", {"nam": 1})["problem"]
        self.assertEqual(told["code"], "arguments_invalid")
        self.assertIn("it needs name; it does not know nam", told["message"])

    def test_a_table_refuses_what_is_wrong(self):
        table = Table()
        with self.assertRaises(ValueError):
            table.command("a.b", effect="harmless")(lambda call: None)
        table.command("a.b")(lambda call: None)
        with self.assertRaises(ValueError):
            table.command("a.b")(lambda call: None)
        self.assertEqual((table.names(), table.get("a.b").effect, table.get("x")), (["a.b"], "write", None))

    def test_logs_are_bounded(self):
        @self.bench.table.command("log.much")
        def much(call):
            for n in range(1500):
                call.log("info", "x" * 9000 if n == 0 else str(n))

        logs = self.bench.run("log.much")["output"]["logs"]
        self.assertEqual(len(logs), 1001)
        self.assertIn("500 more", logs[-1]["text"])
        self.assertLess(len(logs[0]["text"]), 8300)

    def test_a_fault_of_ours_ends_the_call_and_not_the_pump(self):
        self.bench.executor._after = lambda *all: 1 / 0
        told = self.bench.code("1")
        self.assertEqual((told["status"], told["problem"]["code"]), ("failed", "internal"))
        del self.bench.executor._after
        self.assertEqual(self.bench.value("2"), 2)


class Hosts(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()
        self.addCleanup(self.bench.close)
        self.host = self.bench.host

    def test_before_and_after(self):
        seen = []
        self.host.before = lambda call, effect: seen.append((call.command, effect)) or "token"
        self.host.after = lambda call, token, well: (
            seen.append((token, well)) or {"added": [1], "changed": [], "removed": []}
        )
        self.host.reports = lambda call: [{"level": "info", "source": "app", "text": "reported"}]
        told = self.bench.code("1/0")
        self.assertEqual(seen, [("code.run", "code"), ("token", False)])
        self.assertEqual(told["changes"]["added"], [1])
        self.assertEqual(told["output"]["logs"][0]["text"], "reported")

    def test_before_refuses(self):
        def refuse(call, effect):
            raise Problem("operator_refused", "No.")

        self.host.before = refuse
        self.assertEqual(self.bench.code("1")["problem"]["code"], "operator_refused")

    def test_a_broken_host_is_a_log_record(self):
        def fail(*args):
            raise RuntimeError("host is broken")

        for name in ("before", "after", "reports", "state"):
            setattr(self.host, name, fail)
        told = self.bench.code("3")
        self.assertEqual((told["status"], told["value"]), ("succeeded", 3))
        texts = " ".join(record["text"] for record in told["output"]["logs"])
        for name in ("before", "after", "reports"):
            self.assertIn(f"the bridge's {name} failed: host is broken", texts)

    def test_own_types(self):
        class Own:
            pass

        self.host.convert = lambda value, call: (True, {"own": [1, 2]}) if isinstance(value, Own) else (False, None)
        self.host.namespace = lambda: {"Own": Own}
        self.assertEqual(self.bench.value("[Own(), 5]"), [{"own": [1, 2]}, 5])

    def test_a_hint_for_an_exception(self):
        self.host.explain = lambda exc, call: f"because of {type(exc).__name__}"
        self.assertEqual(self.bench.code("[][1]")["problem"]["hint"], "because of IndexError")

    def test_state_is_told_once_after_a_burst_and_only_when_it_changed(self):
        states, asked = [{"n": 1}, {"n": 1}, {"n": 2}], []
        self.host.state = lambda: asked.append(1) or states[min(len(asked) - 1, 2)]
        for count in (1, 2, 3):
            for _ in range(20):
                self.bench.code("1")
            wait_for(lambda count=count: self.bench.executor.step() or len(asked) == count)
        self.assertEqual(self.bench.port.states, [{"n": 1}, {"n": 2}])

    def test_touch_asks_for_the_state_and_does_not_fill_the_queue(self):
        self.host.state = lambda: {"n": 5}
        for _ in range(1000):
            self.bench.executor.touch()
        self.assertEqual(self.bench.executor._queue.qsize(), 1)
        self.bench.executor.step()
        self.assertEqual(self.bench.port.states, [{"n": 5}])


class DeferredCalls(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()
        self.addCleanup(self.bench.close)
        self.go = threading.Event()
        self.began = threading.Event()
        self.ended = []

        @self.bench.table.command("render.wait", effect="read")
        def wait(call, polite=True):
            if polite:
                call.on_cancel(self.go.set)

            def run(call):
                self.assertNotEqual(threading.get_ident(), self.bench.executor._main)
                self.began.set()
                self.go.wait(10)
                self.ended.append(call.cancelled)
                return {"bytes": b"x" * 1000}

            return Deferred(run)

        self.addCleanup(self.go.set)

    def submit(self, **more):
        call = self.bench.call("render.wait", more.pop("args", {}), **more)
        self.bench.executor.submit(call)
        self.bench.executor.step(linger_ms=0)
        return call

    def test_the_main_thread_stays_free(self):
        call = self.submit()
        self.assertEqual(self.bench.value("1 + 1"), 2)
        self.assertNotIn(call.id, self.bench.port.outcomes)
        self.assertEqual([c["id"] for c in self.bench.executor.calls()["running"]], [call.id])
        self.go.set()
        told = self.bench.port.wait(call.id)
        self.assertEqual((told["status"], told["value"]["bytes"]["bytes"]), ("succeeded", 1000))
        self.assertEqual(self.bench.executor.calls(), {"running": [], "queued": []})

    def test_cancel_by_on_cancel(self):
        call = self.submit()
        self.assertTrue(self.began.wait(10))
        self.bench.executor.cancel(call.id)
        self.assertEqual(self.bench.port.wait(call.id)["status"], "cancelled")
        self.assertEqual(self.ended, [True])

    def test_timeout(self):
        call = self.submit(timeout_ms=100)
        self.assertEqual(self.bench.port.wait(call.id)["status"], "timed_out")

    def test_one_that_does_not_come_back_is_given_up(self):
        before = watchdog_module.GRACE_S
        watchdog_module.GRACE_S = 0.2
        self.addCleanup(setattr, watchdog_module, "GRACE_S", before)
        call = self.submit(args={"polite": False}, timeout_ms=50)
        self.assertEqual(self.bench.port.wait(call.id)["status"], "timed_out")
        self.go.set()
        wait_for(lambda: self.ended)
        time.sleep(0.02)  # a second outcome would raise in the collector
        self.assertEqual(self.bench.value("1"), 1)

    def test_more_than_the_workers_wait_and_can_be_cancelled(self):
        calls = [self.submit() for _ in range(deferred_module.WORKERS_MAX + 1)]
        self.bench.executor.cancel(calls[-1].id)
        for call in calls[:-1]:
            self.bench.port.wait(call.id)
        self.assertEqual(self.bench.port.wait(calls[-1].id)["status"], "cancelled")
        self.assertEqual(len(self.ended), deferred_module.WORKERS_MAX)

    def test_an_exception_and_a_problem(self):
        @self.bench.table.command("render.fail", effect="read")
        def fail(call, kind):
            def run(call):
                if kind == "problem":
                    raise Problem("not_found", "no camera")
                raise SystemExit(3)

            return Deferred(run)

        for kind, code in (("problem", "not_found"), ("exit", "call_failed")):
            call = self.bench.call("render.fail", {"kind": kind})
            self.bench.executor.submit(call)
            self.bench.executor.step(linger_ms=0)
            self.assertEqual(self.bench.port.wait(call.id)["problem"]["code"], code)

    def test_progress_from_a_worker(self):
        @self.bench.table.command("render.tell", effect="read")
        def tell(call):
            def run(call):
                import kapelle

                kapelle.progress(0.25, "a quarter")
                call.log("info", "from a worker")
                return call.fresh_progress

            return Deferred(run)

        call = self.bench.call("render.tell")
        self.bench.executor.submit(call)
        self.bench.executor.step(linger_ms=0)
        told = self.bench.port.wait(call.id)
        self.assertEqual(told["value"], [0.25, "a quarter"])
        self.assertEqual(told["output"]["logs"][0]["text"], "from a worker")


class CancelHooks(unittest.TestCase):
    def test_each_runs_once_also_when_it_comes_late(self):
        bench = Bench(Host())
        self.addCleanup(bench.close)
        seen = []

        @bench.table.command("hook.twice")
        def twice(call):
            call.on_cancel(lambda: seen.append("early"))
            call.on_cancel(lambda: 1 / 0)
            later(0.05, lambda: bench.executor.cancel(call.id))
            try:
                while True:
                    pass
            finally:
                call.on_cancel(lambda: seen.append("late"))

        told = bench.run("hook.twice")
        self.assertEqual(told["status"], "cancelled")
        wait_for(lambda: len(seen) == 2)
        time.sleep(0.01)
        self.assertEqual(sorted(seen), ["early", "late"])
