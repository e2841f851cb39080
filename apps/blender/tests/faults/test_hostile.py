# SPDX-License-Identifier: MIT OR Apache-2.0
"""Code that breaks what it can reach, by a caller of the hub, on real Blenders.

Each ends in a clear outcome. Where it says so the process lives and the next call works in it; else the process is
gone, its call is told so, and the instance is back. More of the kind: tests/walk/test_hostile_code.py (leaving, floods,
fork), tests/real/test_hostile.py (operators, endless loops, files).
"""

import pytest
from hubs import wait_until

PROCESS = "import os\nos.getpid()"

# Name -> (source, the statuses it may end with). The process lives.
LIVES = {
    "deletes everything": ("for kind in dir(bpy.data):\n    many = getattr(bpy.data, kind)\n    if hasattr(many, 'remove') and kind not in ('window_managers', 'workspaces', 'screens'):\n        for one in list(many):\n            try: many.remove(one)\n            except Exception: pass\nlen(bpy.data.objects)", ("succeeded",)),
    "removes what it holds": ("one = bpy.data.objects.new('Gone', None)\nbpy.data.objects.remove(one)\none", ("succeeded", "failed")),
    "opens a file in mid-call": ("import os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'a.blend')\nbpy.ops.wm.save_as_mainfile(filepath=path, copy=True)\nbpy.ops.wm.open_mainfile(filepath=path)\nprint('after')\nlen(bpy.data.scenes)", ("succeeded",)),
    "opens a file again and again": ("import os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'a.blend')\nbpy.ops.wm.save_as_mainfile(filepath=path, copy=True)\nfor _ in range(10): bpy.ops.wm.open_mainfile(filepath=path)\n1", ("succeeded",)),
    "opens what is no file": ("import tempfile\npath = tempfile.mktemp(suffix='.blend')\nopen(path, 'wb').write(b'BLENDER' + bytes(1000))\nbpy.ops.wm.open_mainfile(filepath=path)", ("failed",)),
    "factory settings": ("bpy.ops.wm.read_factory_settings()", ("failed",)),
    "factory settings by another name": ("f = bpy.ops._op_call if hasattr(bpy.ops, '_op_call') else None\ngetattr(bpy.ops.wm, 'read_factory' + '_settings')(use_empty=True)", ("failed",)),
    "handlers that raise": ("def bad(*args): raise ValueError('handler')\nfor name in ('depsgraph_update_post', 'depsgraph_update_pre', 'load_post', 'load_pre', 'save_pre', 'save_post', 'undo_post', 'frame_change_post'):\n    getattr(bpy.app.handlers, name).append(bad)\nbpy.data.objects.new('X', None)\nbpy.context.view_layer.update()\nbpy.context.scene.frame_set(3)\nbpy.ops.ed.undo_push(message='x')\n1", ("succeeded", "failed")),
    "a timer that raises": ("def bad(): raise ValueError('timer')\nbpy.app.timers.register(bad)\n1", ("succeeded",)),
    "a driver that raises": ("one = bpy.data.objects.new('D', None)\nbpy.context.collection.objects.link(one)\nd = one.driver_add('location', 0).driver\nd.expression = '1/0'\nbpy.context.view_layer.update()\n1", ("succeeded",)),
    "a thread that touches bpy": ("import threading\ndef touch():\n    for _ in range(50): len(bpy.data.objects); bpy.context.scene.frame_current\nmany = [threading.Thread(target=touch) for _ in range(4)]\n[one.start() for one in many]\n[one.join() for one in many]\n1", ("succeeded",)),
    "a thread that goes on": ("import threading, time\ndef later():\n    for _ in range(100): len(bpy.data.objects); time.sleep(0.005)\nthreading.Thread(target=later, daemon=True).start()\n1", ("succeeded",)),
    "a thread that raises SystemExit": ("import sys, threading\none = threading.Thread(target=lambda: sys.exit(3))\none.start()\none.join()\n1", ("succeeded",)),
    "200 MB of text": ("'x' * (200 << 20)", ("succeeded", "failed")),
    "200 MB of bytes": ("bytes(200 << 20)", ("succeeded", "failed")),
    "2.5 million numbers": ("list(range(2_500_000))", ("succeeded",)),
    "200 MB in an exception": ("raise ValueError('x' * (200 << 20))", ("failed",)),
    "a dict of itself": ("d = {}\nfor n in range(1000): d[n] = d\nd", ("succeeded",)),
    "forks and both go on": ("import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)[0] == pid", ("succeeded",)),
    "forks that print and return": ("import os\npids = []\nfor n in range(3):\n    pid = os.fork()\n    if not pid: break\n    pids.append(pid)\nif pids and len(pids) == 3:\n    [os.waitpid(pid, 0) for pid in pids]\nprint('out of', len(pids))\n'done'", ("succeeded",)),
    "multiprocessing": ("import subprocess, sys\nsubprocess.run(['true']).returncode", ("succeeded",)),
    "ignores signals": ("import signal\nbefore = [signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)]\nfor one, was in zip((signal.SIGINT, signal.SIGTERM), before): signal.signal(one, was)\n1", ("succeeded",)),
    "a signal's handler that raises": ("import os, signal, time\ndef bad(number, frame): raise ValueError('signal')\nwas = signal.signal(signal.SIGUSR1, bad)\ntry:\n    os.kill(os.getpid(), signal.SIGUSR1)\n    time.sleep(0.2)\nfinally:\n    signal.signal(signal.SIGUSR1, was)", ("failed",)),
    "an alarm in the call": ("import signal, time\ndef ring(number, frame): raise TimeoutError('ring')\nwas = signal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\ntry:\n    time.sleep(2)\nfinally:\n    signal.setitimer(signal.ITIMER_REAL, 0)\n    signal.signal(signal.SIGALRM, was)", ("failed",)),
    "closes every descriptor": ("import os\nos.closerange(3, 4096)\n1", ("succeeded", "failed", "interrupted")),
    "builtins that are gone": ("import builtins\nkept = {name: getattr(builtins, name) for name in ('print', 'open', 'len', 'isinstance', 'repr')}\nfor name in ('print', 'open'): delattr(builtins, name)\ntry:\n    print('x')\nfinally:\n    vars(builtins).update(kept)", ("failed",)),
    "a trace function that raises": ("import sys\ndef bad(*args): raise ValueError('trace')\nsys.settrace(bad)\ndef f(): return 1\ntry:\n    f()\nfinally:\n    sys.settrace(None)", ("failed",)),
    "a trace function that stays": ("import sys\nsys.settrace(lambda *args: None)\n1", ("succeeded",)),
    "an excepthook that raises": ("import sys\ndef bad(*args): raise ValueError('hook')\nsys.excepthook = bad\nsys.unraisablehook = bad\n1/0", ("failed",)),
    "an empty environment": ("import os\nkept = dict(os.environ)\nos.environ.clear()\nos.environ['KAPELLE_HOME'] = '/nonexistent'\n1", ("succeeded",)),
    "a folder that is gone": ("import os, tempfile\npath = tempfile.mkdtemp()\nos.chdir(path)\nos.rmdir(path)\n1", ("succeeded",)),
    "a switch interval of an hour": ("import sys\nsys.setswitchinterval(3600)\nsum(range(1_000_000))", ("succeeded",)),
    "another thread holds on": ("import threading\ndef spin():\n    import time\n    until = time.monotonic() + 1.0\n    while time.monotonic() < until: pass\n[threading.Thread(target=spin, daemon=True).start() for _ in range(4)]\n1", ("succeeded",)),
    "no garbage collection": ("import gc\ngc.disable()\ngc.set_threshold(0)\n1", ("succeeded",)),
    "a weakref that raises": ("import weakref\nclass A: pass\na = A()\ndef bad(ref): raise ValueError('ref')\nr = weakref.ref(a, bad)\ndel a\n1", ("succeeded",)),
    "an object whose end raises": ("class A:\n    def __del__(self): raise SystemExit(4)\na = A()\ndel a\n1", ("succeeded",)),
    "a module that is gone": ("import sys\nkept = sys.modules.pop('json')\nsys.modules['json'] = None\nsys.modules['json'] = kept\n1", ("succeeded",)),
    "names like ours": ("import kapelle\nkapelle.progress = None\nkapelle = None\n1", ("succeeded", "failed")),
    "an event loop that runs": ("import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 5\nasyncio.run(f())", ("succeeded",)),
    "a generator that never ends": ("(n for n in iter(int, 1))", ("succeeded",)),
    "a value that counts for ever": ("class Long(list):\n    def __len__(self): return 10**9\n    def __iter__(self):\n        while True: yield 1\nLong()", ("succeeded", "failed", "timed_out")),
    "null bytes in the code": ("x = 1\0", ("failed",)),
    "nesting beyond the parser": ("(" * 5000 + ")" * 5000, ("failed",)),
    "nesting beyond the compiler": ("-" * 100_000 + "1", ("failed",)),
}  # fmt: skip

# The process dies of these.
DIES = {
    "a handler that exits": "import sys\ndef bad(*args): sys.exit(3)\nbpy.app.handlers.depsgraph_update_post.append(bad)\nbpy.data.objects.new('X', None)\nbpy.context.view_layer.update()\n1",
    "an alarm after the call": "import signal\nsignal.alarm(1)\n1",
    "a signal that nobody handles": "import os, signal\nos.kill(os.getpid(), signal.SIGUSR2)",
    "memory that is not its own": "import ctypes\nctypes.memset(8, 0, 8)",
    "a stack without an end": "import ctypes, sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) if n else 0\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())\nf(1)\nctypes.string_at(0)",
}


@pytest.fixture
def blender(hub):
    hub.http.run("file.new")
    hub.http.run("code.reset")
    return hub


@pytest.mark.every_blender
@pytest.mark.parametrize("name", LIVES)
def test_the_process_lives(blender, name):
    source, ends = LIVES[name]
    before = blender.http.eval(PROCESS)
    outcome = blender.http.code(source, timeout_ms=20_000)
    assert outcome["status"] in ends, outcome
    if outcome["status"] != "succeeded":
        assert outcome["problem"]["message"] and len(str(outcome["problem"])) < 200_000, outcome
    # What held the main thread in native code lets go of it; until then the instance is wedged, and says so.
    wait_until(lambda: blender.http.instance("blender")["state"] != "wedged", 60, "the end of what was stuck")
    # The next call works in the same process; a lost link is back without the hub's help.
    assert blender.http.eval(PROCESS) == before
    outcome = blender.http.code("print('still here')\n5")
    assert (outcome["value"], outcome["output"]["stdout"]) == (5, "still here\n"), outcome
    assert blender.http.run("object.create", kind="cube")["type"] == "MESH"
    view = blender.http.instance("blender")
    assert (view["state"], view["queued"]) == ("idle", 0)
    tidy(blender)


def tidy(blender):
    """Takes back what would trouble the next test."""
    blender.http.eval(
        "import gc, sys\nsys.settrace(None)\ngc.enable()\nsys.setswitchinterval(0.005)\nsys.excepthook = sys.__excepthook__\nsys.unraisablehook = sys.__unraisablehook__\n"
        "for name in dir(bpy.app.handlers):\n    many = getattr(bpy.app.handlers, name)\n    if isinstance(many, list):\n        [many.remove(one) for one in list(many) if getattr(one, '__name__', '') == 'bad']"
    )


@pytest.mark.every_blender
def test_after_all_that_a_broken_link_still_comes_back(blender, runs):
    """The environment names another home by now, and the folder is gone."""
    blender.http.code(LIVES["an empty environment"][0])
    blender.http.code(LIVES["a folder that is gone"][0])
    call_id = blender.http.send(runs.code("late", 0.3))
    wait_until(lambda: runs.began("late"), what="the start")
    blender.wire.cut()
    assert blender.http.end(call_id)["status"] == "succeeded"
    assert runs.of("late") == ["began", "ended"]


@pytest.mark.parametrize("name", DIES)
def test_the_process_dies_and_is_back(hub, name):
    hub.http.request("DELETE", "/v1/instances/blender?force=true")  # earlier deaths would make the restart wait
    before = hub.start(hub.program, "blender")["pid"]
    outcome = hub.http.code(DIES[name])
    if "after the call" in name:
        assert outcome["status"] == "succeeded"
    elif "handler" in name and "nobody" not in name:
        # The application leaves the process for it, from deep inside; nobody can hold it.
        assert (outcome["status"], outcome["problem"]["code"]) == ("failed", "code_exited"), outcome
    else:
        assert (outcome["status"], outcome["problem"]["code"]) == ("interrupted", "interrupted"), outcome

    def back():
        view = hub.http.instance("blender")
        return view if view["state"] == "idle" and view["pid"] != before else None

    assert wait_until(back, 60, "the restart")["restarts"] == 1
    assert hub.http.eval("1 + 1") == 2
