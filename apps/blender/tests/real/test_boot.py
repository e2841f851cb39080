# SPDX-License-Identifier: MIT OR Apache-2.0
"""Starting, leaving and coming back: boot.py in each Blender."""

import os
import signal
import subprocess
import time

import pytest
from instance import Instance, wait_until


def test_it_opens_a_file_and_keeps_a_copy_when_it_leaves(program, package, blender, tmp_path):
    path = str(tmp_path / "start.blend")
    blender.run("object.create", kind="cube", name="InTheFile")
    blender.run("file.save", path=path)
    with Instance(program, package, ["--file", path], {"KAPELLE_NAME": "wished"}) as mine:
        assert mine.announcement["file"] == path and mine.announcement["name"] == "wished"
        assert mine.run("object.get", name="InTheFile")["type"] == "MESH"
        folder = os.path.join(mine.home, "recovery", "fake-1")
        mine.run("object.create", kind="cube", name="Late")
        before = set(os.listdir(folder))
        assert mine.stop() == 0
        assert len([one for one in set(os.listdir(folder)) - before if one.endswith(".blend")]) == 1
        kept = sorted(one for one in os.listdir(folder) if one.endswith(".blend"))[-1]
        names = "with bpy.data.libraries.load(%r) as (a, b): names = list(a.objects)\nnames"
        assert "Late" in blender.eval(names % os.path.join(folder, kept))


def test_the_ways_to_name_a_file(program, package, blender, tmp_path):
    path = str(tmp_path / "named.blend")
    blender.run("file.save", path=path)
    options = [path] if program.kind == "module" else ["--file", path]
    with Instance(program, package, options) as mine:
        assert mine.announcement["file"] == path
        assert mine.run("scene.get")["file"] == path


def test_nothing_is_kept_when_nothing_changed(program, package):
    with Instance(program, package) as mine:
        temporary = mine.eval("bpy.app.tempdir")
        folder = os.path.join(mine.home, "recovery", "fake-1")
        count = len(os.listdir(folder)) if os.path.isdir(folder) else 0
        assert mine.stop() == 0
        assert (len(os.listdir(folder)) if os.path.isdir(folder) else 0) == count
        assert not os.path.exists(temporary)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_also_in_a_call(program, package, number):
    with Instance(program, package) as mine:
        call = mine.send("code.run", {"code": "import time\nwhile True: time.sleep(0.01)"})
        mine.hub.wait("started", id=call)
        time.sleep(0.2)
        os.kill(mine.process.pid, number)
        assert mine.process.wait(30) == 0, mine.text()
        assert mine.outcome(call)["status"] == "cancelled"
        mine.hub.wait("bye")


def test_it_leaves_with_timers_and_classes_registered(program, package):
    with Instance(program, package) as mine:
        mine.eval("bpy.app.timers.register(lambda: 1.0)")
        mine.eval("class T_OT_t(bpy.types.Operator):\n    bl_idname='t.t'; bl_label='t'")
        mine.eval("bpy.utils.register_class(T_OT_t)")
        assert mine.stop() == 0, mine.text()


def test_it_comes_back_after_the_hub_was_killed(program, package):
    with Instance(program, package) as mine:
        call = mine.send("code.run", {"code": "import time; time.sleep(1.5); 'done'"})
        mine.hub.wait("started", id=call)
        port = mine.hub.port
        mine.hub.kill()
        time.sleep(0.5)
        mine.hub.listen(port)
        told = mine.hub.wait_connections(2, 30)
        assert told["session"] == mine.announcement["session"] and told["name"] == "fake-1"
        assert mine.outcome(call)["value"] == "done"


def test_a_file_that_cannot_be_opened(program, package, tmp_path):
    broken = tmp_path / "broken.blend"
    broken.write_text("no")
    command = program.command(package / "boot.py", ["--file", str(broken)])
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=program.environment(tmp_path), check=False
    )
    assert told.returncode == 3 and "broken.blend could not be opened" in told.stderr


def test_folders_of_the_config_are_allowed(program, package, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    with Instance(program, package, roots=[str(tmp_path / "none"), str(more)]) as mine:
        plain = ("read", "write")
        assert mine.call("file.export", {"path": str(more / "x.obj")}, scopes=plain)["status"] == "succeeded"
        told = mine.problem("file.export", {"path": str(tmp_path / "x.obj")}, scopes=plain)
        assert told["code"] == "path_refused" and str(more) in told["hint"]


def test_the_process_that_is_killed_leaves_a_copy_of_what_was(program, package):
    with Instance(program, package) as mine:
        mine.run("object.create", kind="cube", name="One")
        mine.eval("import kapelle_blender.host as h; h.current().recovery._next_at = 0.0", args={"undo": "never"})
        mine.run("object.create", kind="cube", name="Two")
        mine.send("code.run", {"code": "import os; os._exit(9)"})
        assert mine.process.wait(30) == 9
        folder = os.path.join(mine.home, "recovery", "fake-1")
        wait_until(lambda: len([one for one in os.listdir(folder) if one.endswith(".blend")]) >= 2)


def test_importing_the_package_does_nothing(program, package, tmp_path):
    script = tmp_path / "look.py"
    script.write_text(
        "import sys, threading, os\n"
        "sys.path.insert(0, %r)\n"
        "import bpy\n"
        "before = threading.active_count(), set(bpy.app.handlers.load_post)\n"
        "import kapelle_blender\n"
        "kapelle_blender.register(); kapelle_blender.unregister()\n"
        "assert (threading.active_count(), set(bpy.app.handlers.load_post)) == before\n"
        "assert kapelle_blender.bl_info['blender'] <= bpy.app.version\n"
        "print('nothing happened', flush=True); os._exit(0)\n" % str(package.parent)
    )
    told = subprocess.run(
        program.command(script),
        capture_output=True,
        text=True,
        timeout=120,
        env=program.environment(tmp_path),
        check=False,
    )
    assert "nothing happened" in told.stdout, told.stdout + told.stderr
