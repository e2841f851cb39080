# SPDX-License-Identifier: MIT OR Apache-2.0
"""Code that tries to end, break or flood the Blender that runs it, as a caller of the hub sees it."""

import pytest

PROCESS = "import os\nos.getpid()"


@pytest.fixture(autouse=True)
def same_process(stage, http):
    """The next caller works in the same process, and the hub has started nothing anew."""
    before = http.eval(PROCESS)
    http.eval("kept = 'kept'")
    yield
    other = stage.http
    assert other.eval(PROCESS) == before
    assert other.eval("kept") == "kept"
    outcome = other.code("print('still here')\n5")
    assert (outcome["value"], outcome["output"]["stdout"]) == (5, "still here\n"), outcome
    view = other.instance("blender")
    assert (view["state"], view["restarts"], view["queued"]) == ("idle", 0, 0)


@pytest.mark.every_blender
@pytest.mark.parametrize(
    "source, code",
    [
        ("import sys\nsys.exit()", "code_exited"),
        ("import sys\nsys.exit(3)", "code_exited"),
        ("import sys\nsys.exit('a reason')", "code_exited"),
        ("raise SystemExit", "code_exited"),
        ("exit()", None),
        ("raise KeyboardInterrupt", "code_raised"),
        ("raise BaseException('bare')", "code_raised"),
        ("def f():\n    return f()\nf()", "code_raised"),
        ("x = []\nfor _ in range(100000):\n    x = [x]\nx", None),
        ("class Bad:\n    def __repr__(self): raise ValueError('no repr')\nBad()", None),
        ("class Bad(Exception):\n    def __str__(self): raise ValueError('no str')\nraise Bad()", "code_raised"),
        ("import sys\nsys.stdout.close()\nsys.stderr.close()\nprint('x')", None),
        ("import os\nos.close(1)\nos.close(2)\nos.open('/dev/null', 1)\nos.open('/dev/null', 1)\nprint('x')", None),
        ("import sys\nsys.stdout = None\nsys.stderr = None\nprint('x')", None),
        ("print('a\\ud800b')\n'\\udfff'", None),
        ("{'\\ud800': '\\udfff'}", None),
        ("globals().clear()", None),
        ("import builtins\ndel globals()['kapelle']", None),
        ("raise ValueError('x' * 10_000_000)", "code_raised"),
        ("import threading\n[threading.Thread(target=lambda: 1 / 0).start() for _ in range(5)]\n1", None),
        ("import gc, signal\nsignal.alarm(0)\ngc.collect()\n1", None),
        ("import sys\nsys.setrecursionlimit(10**6)\nsys.setrecursionlimit(1000)\n1", None),
    ],
)
def test_it_has_a_clear_end(http, source, code):
    keeps = "kept = 'kept'\n" if "globals" in source else ""
    outcome = http.code(source)
    if keeps:
        http.eval(keeps)
    if code is None:
        assert outcome["status"] in ("succeeded", "failed"), outcome
    else:
        assert (outcome["status"], outcome["problem"]["code"]) == ("failed", code), outcome
    if outcome["status"] == "failed":
        assert outcome["problem"]["message"] and len(str(outcome["problem"])) < 200_000


@pytest.mark.every_blender
@pytest.mark.parametrize(
    "source",
    [
        "bpy.ops.wm.quit_blender()",
        "bpy.ops.wm.read_factory_settings(use_empty=True)",
        "bpy.ops.wm.read_homefile()",
        "getattr(bpy.ops.wm, 'quit_' + 'blender')()",
        "import bpy as other\nother.ops.wm.window_close()",
    ],
)
def test_quitting_operators_are_refused_before_they_run(http, source):
    http.run("object.create", kind="cube", name="Witness")
    outcome = http.code(source)
    assert (outcome["status"], outcome["problem"]["code"]) == ("failed", "operator_refused")
    assert outcome["problem"]["hint"]
    assert http.run("object.get", name="Witness")["name"] == "Witness"


@pytest.mark.every_blender
def test_fifty_megabytes_of_print_are_cut_in_the_middle(http):
    outcome = http.code("print('begin')\nline = 'x' * 1023\nfor _ in range(50 * 1024): print(line)\nprint('end')\n1")
    stdout = outcome["output"]["stdout"]
    assert outcome["value"] == 1
    assert stdout.startswith("begin\n") and stdout.endswith("end\n") and "cut here" in stdout
    assert 4 << 20 < len(stdout) < 9 << 20


def test_a_flood_is_streamed_with_a_bound(http):
    """Whoever follows gets the end, and no more than there was."""
    events = list(http.follow("for n in range(200_000): print(n)\n'end'"))
    assert events[-1][0] == "ended" and events[-1][1]["value"] == "end"
    streamed = sum(len(data["text"]) for name, data, _ in events if name == "output")
    assert streamed < 4 << 20


def test_a_log_flood_is_bounded(http):
    outcome = http.code("import logging\nfor n in range(20_000): logging.warning('record %d', n)\n1")
    assert outcome["value"] == 1
    logs = outcome["output"]["logs"]
    assert 900 < len(logs) <= 1001 and "left out" in logs[-1]["text"]


@pytest.mark.every_blender
def test_running_out_of_memory_is_a_problem(http):
    outcome = http.code("b = bytearray(1 << 60)")
    assert outcome["status"] == "failed" and outcome["problem"]["code"] in ("out_of_memory", "code_raised")


def test_a_child_process_that_is_forked_does_not_speak_for_us(http):
    source = """
import os
pid = os.fork()
if pid == 0:
    os._exit(7)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    assert http.eval(source) == 7


def test_a_forked_child_that_runs_on_ends_itself(http):
    source = """
import os
pid = os.fork()
if pid:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
'parent' if pid else 'child'
"""
    assert http.eval(source) == "parent"


def test_progress_of_nonsense_is_no_crash(http):
    for text in ("kapelle.progress('x')", "kapelle.progress(-5, None)", "kapelle.progress(float('nan'), 'x')"):
        assert http.code(text)["status"] in ("succeeded", "failed")
    outcome = http.code("for n in range(50_000): kapelle.progress(n / 50_000, 'step')\n'done'")
    assert outcome["value"] == "done"
