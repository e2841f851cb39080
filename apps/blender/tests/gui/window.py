# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real Blender with a window, on a screen of its own, driven by the fake hub of bridgekit's tests.

    with Window(program, package) as window:          # boot.py starts the bridge, as `kapelle start blender --gui`
        window.run("object.create", kind="cube")      # everything of real/instance.py's Instance
        window.screenshot("with_cube")                # a PNG of the whole screen

`program` and `package` are fixtures of gui/conftest.py; so are `shared` (one Window for all tests) and `blender` (that
one with a default file). A Window comes back from its constructor once a call went there and back and the first
drawing, which takes seconds, is over.

What the window shows: gui/watcher.py runs in that Blender and writes down what Kapelle's panel has drawn. `shown`
reads it and `wait_shown` waits for it, also while no hub is there. `redraw` draws everything now, from inside.

Pictures go to KAPELLE_TEST_PICTURES, else to a temporary folder that is named when the tests end; there into a folder
of the Blender's version.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from display import Display, png
from instance import LEAVE_S, Instance, Program
from places import TAB_OPEN, places_of
from pointer import Pointer
from program_version import version_of

HERE = Path(__file__).resolve().parent
WAIT_S = 60.0
# A drawing comes to the screen up to a second after it was made. Something may always move: the age of a call.
STILL_S, MOVES_S = 1.0, 3.0
# A click that comes while Blender still draws for the first time may be lost.
CLICK_AGAIN_S = 3.0
# For the stacks of a Blender that stands still to come, and for the last of them.
STACKS_S, STACKS_END_S = 10.0, 0.5
REDRAW = "bpy.ops.wm.redraw_timer(type='DRAW_WIN_SWAP', iterations=1)"


def pictures():
    """The folder that keeps the pictures."""
    told = os.environ.get("KAPELLE_TEST_PICTURES") or os.path.join(tempfile.gettempdir(), "kapelle-pictures")
    os.makedirs(told, exist_ok=True)
    return Path(told)


class WindowProgram(Program):
    """A Blender program, started with a window. `profile` is the folder that stands for the person's settings;
    with `saved` they are used, else Blender starts with the settings that it comes with."""

    def __init__(self, path, display, profile, saved=False):
        Program.__init__(self, "blender", path, "blender")
        self.display = display
        self.profile = Path(profile)
        self.saved = saved

    def command(self, script, options=()):
        told = [self.path, "-noaudio"]
        told += [] if self.saved else ["--factory-startup"]
        width, height = self.display.pixels()[:2]
        told += ["--window-geometry", "0", "0", str(width), str(height)]
        told += ["--python-expr", "import bpy; bpy.context.preferences.view.show_splash = False"]
        told += ["--python", str(HERE / "watcher.py")]
        told += ["--python", str(script)] if script else []
        return [*told, "--", *options]

    def environment(self, home):
        told = Program.environment(self, home)
        told.update(profile_environment(self.profile))
        told.update(
            DISPLAY=self.display.name, LIBGL_ALWAYS_SOFTWARE="1", KAPELLE_TEST_SHOWN=str(self.profile / "shown")
        )
        told.pop("WAYLAND_DISPLAY", None)
        return told


def profile_environment(profile):
    """What makes every version of Blender keep its settings and add-ons in that folder."""
    told = {"XDG_CONFIG_HOME": str(profile), "BLENDER_USER_RESOURCES": str(profile)}
    for part in ("config", "scripts", "datafiles", "extensions"):
        told["BLENDER_USER_" + part.upper()] = str(Path(profile) / part)
        os.makedirs(Path(profile) / part, exist_ok=True)
    return told


class Window(Instance):
    """One Blender with a window. `package` is None when an installed add-on has the bridge; `saved` is a folder
    with settings in which it is enabled."""

    def __init__(self, path, package, options=(), environment=None, saved=None, size=(1280, 800)):
        self.display = Display(*size)
        self.profile = Path(saved or tempfile.mkdtemp(prefix="kapelle-profile-"))
        self._own_profile = saved is None
        self.pointer = Pointer(self.display.name)
        program = WindowProgram(path, self.display, self.profile, saved is not None)
        try:
            Instance.__init__(self, program, package, options, environment)
            self.settle()
        except BaseException:
            self.close()
            raise

    def script(self, package):
        return package / "boot.py" if package else None

    def settle(self):
        """Waits until it answers and has drawn everything once; the first drawing takes seconds."""
        self.eval("1+1")
        self.redraw()

    def redraw(self):
        """Draws all of the window now."""
        self.eval(REDRAW + "; None", args={"undo": "never"})

    def screenshot(self, name):
        """Keeps a picture of the whole screen, once nothing has moved on it for STILL_S or MOVES_S are over; returns its
        path."""
        before, end = self.display.pixels(), time.monotonic() + MOVES_S
        still = time.monotonic()
        while time.monotonic() < min(end, still + STILL_S):
            time.sleep(0.1)
            now = self.display.pixels()
            if now != before:
                before, still = now, time.monotonic()
        folder = pictures() / ("%d.%d" % version_of(self.program.path))
        folder.mkdir(exist_ok=True)
        path = folder / (name + ".png")
        path.write_bytes(png(*before))
        return path

    @property
    def places(self):
        """Where to click: see places.py."""
        return places_of(version_of(self.program.path))

    def click(self, x, y):
        """Clicks there as a person does: once Blender has seen where the pointer is."""
        self.pointer.move(x - 1, y)
        self.pointer.move(x, y)
        settling = self.profile / "shown.settle"
        settling.touch()
        end = time.monotonic() + WAIT_S
        while settling.exists():
            assert time.monotonic() < end and self.process.poll() is None, self.text()
            time.sleep(0.02)
        self.pointer.click()

    def open_panel(self):
        """Chooses Kapelle's tab by a click, as after every new file, and waits until it is the bright one."""
        end = time.monotonic() + WAIT_S
        while not self._tab_is_open():
            assert time.monotonic() < end and self.process.poll() is None, self.text()
            self.click(*self.places.tab)
            again = time.monotonic() + CLICK_AGAIN_S
            while not self._tab_is_open() and time.monotonic() < again:
                time.sleep(0.02)

    def _tab_is_open(self):
        width, _, pixels = self.display.pixels()
        x, y = self.places.tab_edge
        at = (y * width + x) * 3
        return pixels[at] in TAB_OPEN and self.shown() is not None

    def shown(self):
        """What Kapelle's panel has drawn last: {"lines": […], "count": drawings so far, "buttons":
        their operators, "header", "question": of the operator that asks one}, or None."""
        try:
            return json.loads((self.profile / "shown").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def wait_shown(self, *words, seconds=WAIT_S):
        """Waits until the drawn panel holds a line with each of these words; returns what it shows."""
        end = time.monotonic() + seconds
        while True:
            shown = self.shown()
            lines = shown["lines"] if shown else []
            if all(any(word in line for line in lines) for word in words):
                return shown
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("the panel does not show %r but %r\n%s" % (words, lines, self.text()))
            time.sleep(0.02)

    def press(self, operator):
        """Runs an operator as its button does, also while no hub is there: "kapelle.connect"."""
        told = self.profile / "shown.press"
        draft = self.profile / "shown.press.part"
        draft.write_text(operator, "utf-8")
        draft.rename(told)

    def last_words(self):
        """With the stacks of Python's threads."""
        if self.process.poll() is None:
            self._print_stacks()
        return Instance.last_words(self)

    def _print_stacks(self):
        """Waits until watcher.py's answer to the signal is whole: its last line is like every other one."""
        count, end = len(self.output), time.monotonic() + STACKS_S
        self.process.send_signal(signal.SIGUSR1)
        before, still = count, time.monotonic()
        while time.monotonic() < end and (len(self.output) == count or time.monotonic() < still + STACKS_END_S):
            time.sleep(0.02)
            if len(self.output) != before:
                before, still = len(self.output), time.monotonic()

    def _leave(self):
        """Quits as a person would: between calls, where nothing is in the way."""
        quit_soon = "bpy.app.timers.register(lambda: (bpy.ops.wm.quit_blender(), None)[1])"
        try:
            self.eval(quit_soon, args={"undo": "never"})
            self.process.wait(LEAVE_S)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            return

    def close(self):
        if getattr(self, "process", None) is not None:
            Instance.close(self)
        self.pointer.close()
        self.display.close()
        if self._own_profile:
            shutil.rmtree(self.profile, ignore_errors=True)


class Quiet(Window):
    """One that need not connect: `hub` is a FakeHub of the test, `saved` the folder of its settings, `expression` is
    Python that it runs at its start, `package` one whose boot.py it runs. What it says is in `text`, what it shows in
    `shown`."""

    def __init__(self, path, saved, hub, expression="pass", package=None, environment=None):
        self.display = Display()
        self.profile = Path(saved)
        self._own_profile = False
        self.pointer = Pointer(self.display.name)
        self.program = WindowProgram(path, self.display, self.profile, True)
        self.hub, self.output = hub, []
        command = self.program.command(self.script(package))
        at = command.index("--")
        told = self.program.environment(hub.home)
        told.update(environment or {})
        self.process = subprocess.Popen(
            [*command[:at], "--python-expr", expression, *command[at:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=told,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        Window.close(self)
