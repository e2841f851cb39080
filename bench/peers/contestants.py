# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who is compared: each starts a Blender the way its own documents say, and says how it is asked.

In: Processes and Programs. Out: `Contestant`s. States of one: made -> started -> closed -> started again …

Each has a room (a folder that stands for a person's home) of its own. Telemetry is off where there is any. Where a
peer's declared oldest Blender is newer than the one that can open a window here, its row says so.
"""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import places
from mcp_wires import McpHttp, McpStdio, text_of
from processes import cpu_s, free_port, listens, wait_until
from wires import BareJson, Echo, Failed, Floor, FrugalLine, KapelleHttp, Line

HERE = Path(__file__).resolve().parent
START_S = 120.0
# A window answers at its own pace when this many calls in a row took less than that.
SETTLED_CALLS, SETTLED_S = 5, 0.7
# Seconds of a core in one second below which a Blender stands still.
STILL_S = 0.15
LARGE_BYTES = 5_000_000
LARGE_IN = "#%s\nprint(1+1)" % ("x" * LARGE_BYTES)
LARGE_OUT = "print('x' * %d)" % LARGE_BYTES
WINDOW, BACKGROUND = "window", "background"

ENABLE = "import bpy\nbpy.ops.preferences.addon_enable(module=%r)\n"


class Contestant:
    """`wire` is how it is asked; `stdio()` and `http()` give ways by MCP or None. `name` and `version` as on PyPI."""

    id = name = version = mode = ""
    note = ""
    is_floor = False
    has_stdio = has_http = False

    def __init__(self, processes, programs):
        self.processes, self.programs = processes, programs
        self.wire = None
        self.environment = None
        self.blender = None  # the process that is Blender

    def start(self):
        """Starts everything and comes back when a call went there and back."""
        self.folder, self.environment = self.processes.room(self.id)
        self.log = self.folder / "log"
        self.begin()
        self.settle()

    def begin(self):
        raise NotImplementedError

    def close(self):
        if self.environment is not None:
            self.processes.end(self.environment)
            self.environment = self.wire = self.blender = None

    def blender_pid(self):
        return self.blender.pid if self.blender is not None else None

    def is_alive(self):
        return self.blender is not None and self.blender.poll() is None

    def server_pids(self):
        """What runs beside Blender all the time: a hub, a gateway. An MCP server on stdio is the client's."""
        return [pid for pid in self.processes.marked(self.environment) if pid != self.blender_pid()]

    def stdio(self):
        return None

    def http(self):
        return None

    def settle(self):
        """The first drawing of a window takes seconds in software; what comes then is measured."""
        fast = 0
        with Line(self.wire, 60.0) as line:
            for _ in range(100):
                took, printed = line.run("print(1+1)")
                if printed.strip() != "2":
                    raise Failed("%s answered %r" % (self.id, printed))
                fast = fast + 1 if took < SETTLED_S else 0
                if fast >= SETTLED_CALLS:
                    return

    # --- for those that are an add-on in a Blender with a window, or in background ---

    def open_blender(self, code, more=None, options=(), background=False):
        """Starts Debian's Blender with this code at its start."""
        environment = dict(self.environment, **(more or {}))
        environment.update(BLENDER_USER_SCRIPTS=str(self.scripts()), BLENDER_USER_CONFIG=str(self.folder / "config"))
        script = self.folder / "start.py"
        script.write_text("import bpy\nbpy.context.preferences.view.show_splash = False\n" + code)
        command = [self.programs.blender, "--factory-startup", "-noaudio"]
        command += ["--background"] if background else ["--window-geometry", "0", "0", "1280", "800"]
        if not background:
            environment = self.processes.windowed(environment)
        self.blender = self.processes.spawn([*command, "--python", script, *options], environment, self.log)

    def scripts(self):
        folder = self.folder / "scripts"
        (folder / "addons").mkdir(parents=True, exist_ok=True)
        if not (folder / "addons" / "modules").exists():
            shutil.copytree(self.programs.modules, folder / "addons" / "modules")
        return folder

    def add_on(self, peer, inside, module):
        """Puts an add-on out of an installed package where Blender finds it."""
        found = self.programs.packages(peer) / inside
        addons = self.scripts() / "addons"
        if found.is_dir():
            shutil.copytree(found, addons / module, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(found, addons / (module + ".py"))

    def listening(self, port):
        def come():
            if self.blender.poll() is not None:
                raise Failed("its Blender ended:\n" + self.log.read_text(errors="replace")[-800:])
            return listens(port)

        wait_until(come, START_S, "%s: its listening" % self.id)


class Kapelle(Contestant):
    name = "kapelle"
    has_stdio = has_http = True

    def __init__(self, processes, programs, mode, in_wheel=False):
        Contestant.__init__(self, processes, programs)
        self.mode, self._in_wheel = mode, in_wheel
        self.id = "kapelle-" + ("wheel" if in_wheel else mode)
        told = subprocess.run([programs.kapelle, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = told.split()[-1]
        self.runs_in = programs.wheel_version + " wheel" if in_wheel else programs.blender_version

    def begin(self):
        self._home = self.folder / "home"
        self._ours = dict(self.environment, KAPELLE_HOME=str(self._home))
        served = [self.programs.kapelle, "serve", "--listen", "127.0.0.1:0", "--json"]
        ours = self.processes.windowed(self._ours) if self.mode == WINDOW else self._ours
        hub = self.processes.spawn(served, ours, self.log, stdout=subprocess.PIPE)
        told = json.loads(hub.stdout.readline())
        hub.stdout.close()
        self._token = Path(told["token_file"]).read_text().strip()
        self._port = int(told["url"].rpartition(":")[2].strip("/"))
        where = ["--python", self.programs.wheel] if self._in_wheel else ["--blender", self.programs.blender]
        mode = "--gui" if self.mode == WINDOW else "--background"
        start = [self.programs.kapelle, "start", "blender", mode, "--json", *map(str, where)]
        ran = subprocess.run(start, env=ours, capture_output=True, text=True, timeout=START_S, check=False)
        if ran.returncode:
            raise Failed("kapelle start: " + ran.stdout + ran.stderr)
        self.wire = KapelleHttp(self._port, self._token)
        with Line(self.wire) as line:
            answer = json.loads(self.wire.body(line.ask(self.wire.status()))[1])
        self._blender_pid = answer["instances"][0]["pid"]

    def blender_pid(self):
        return self._blender_pid

    def is_alive(self):
        return Path("/proc/%d" % self._blender_pid).exists()

    def stdio(self):
        command = [self.programs.kapelle, "mcp"]
        return McpStdio(self.processes, command, self._ours, self.log, _code_tool, _structured_stdout)

    def http(self):
        head = "Authorization: Bearer %s\r\n" % self._token
        return McpHttp(self._port, "/mcp", _code_tool, _structured_stdout, head)


def _code_tool(code):
    return "code", {"code": code}


def _structured_stdout(result):
    told = result.get("structuredContent") or {}
    if result.get("isError") or told.get("status") not in (None, "succeeded"):
        text_of(dict(result, isError=True))
    return (told.get("output") or {}).get("stdout") or told.get("stdout") or text_of(result)


class McpForBlender(Contestant):
    id, name, version, mode = "mcp-for-blender", "mcp-for-blender", "2.2.4", WINDOW
    note = "refuses to start in background"
    has_stdio = True
    quiet = {"BLENDERMCP_NO_UPDATE_CHECK": "1", "DISABLE_TELEMETRY": "true"}
    START = """
bpy.context.scene.blendermcp_auto_start_server = False
import mcp_for_blender
assert bpy.context.preferences.addons['mcp_for_blender'].preferences.telemetry_consent is False
bpy.types.blendermcp_server = mcp_for_blender.BlenderMCPServer(host='127.0.0.1', port=%d)
bpy.types.blendermcp_server.start()
"""

    def __init__(self, processes, programs):
        Contestant.__init__(self, processes, programs)
        self.runs_in = programs.blender_version

    def begin(self):
        self.port = free_port()
        self.add_on("mcp-for-blender", "blender_mcp/bundled/addon.py", "mcp_for_blender")
        self.open_blender(ENABLE % "mcp_for_blender" + self.START % self.port, self.quiet)
        self.listening(self.port)
        self.wire = BareJson(self.port, "ping")

    def stdio(self):
        more = dict(self.environment, BLENDER_HOST="127.0.0.1", BLENDER_PORT=str(self.port), **self.quiet)
        command = [self.programs.script("mcp-for-blender", "mcp-for-blender")]
        return McpStdio(self.processes, command, more, self.log, _execute_blender_code, text_of)


def _execute_blender_code(code):
    return "execute_blender_code", {"code": code, "user_prompt": ""}


class BlendMcp(Contestant):
    id, name, version, mode = "blendmcp", "blendmcp", "1.4.4", WINDOW
    note = "a descendant of mcp-for-blender's older design; its timers never run in background"
    has_stdio = True
    START = """
import blendmcp_addon
bpy.types.blendermcp_server = blendmcp_addon.BlendMCPServer(host='127.0.0.1', port=%d)
bpy.types.blendermcp_server.start()
"""

    def __init__(self, processes, programs):
        Contestant.__init__(self, processes, programs)
        self.runs_in = programs.blender_version

    def begin(self):
        self.port = free_port()
        self.add_on("blendmcp", "blendmcp/addon.py", "blendmcp_addon")
        self.open_blender(ENABLE % "blendmcp_addon" + self.START % self.port)
        self.listening(self.port)
        self.wire = BareJson(self.port, "get_polyhaven_status")

    def stdio(self):
        more = dict(self.environment, BLENDER_HOST="127.0.0.1", BLENDER_PORT=str(self.port))
        command = [self.programs.script("blendmcp", "blendmcp")]
        return McpStdio(self.processes, command, more, self.log, _execute_blender_code, text_of)


class BlenderRemote(Contestant):
    name, version = "blender-remote", "1.3.3"
    has_stdio = True

    def __init__(self, processes, programs, mode):
        Contestant.__init__(self, processes, programs)
        self.mode, self.id = mode, "blender-remote-" + mode
        self.runs_in = programs.blender_version

    def begin(self):
        self.port = free_port()
        self.add_on("blender-remote", "blender_remote/addon/bld_remote_mcp", "bld_remote_mcp")
        more = {"BLD_REMOTE_MCP_PORT": str(self.port), "BLD_REMOTE_MCP_START_NOW": "1"}
        code = ENABLE % "bld_remote_mcp"
        if self.mode == BACKGROUND:
            code += self._keep_alive()
        self.open_blender(code, more, background=self.mode == BACKGROUND)
        self.listening(self.port)
        self.wire = BareJson(self.port)

    def _keep_alive(self):
        """The loop that its own `blender-remote-cli start --background` appends."""
        ask = "from blender_remote.cli.scripts import KEEPALIVE_SCRIPT; print(KEEPALIVE_SCRIPT)"
        told = subprocess.run(
            [str(self.programs.python("blender-remote")), "-c", ask], capture_output=True, text=True, check=True
        )
        return told.stdout

    def stdio(self):
        command = [self.programs.script("blender-remote", "blender-remote"), "--blender-port", str(self.port)]
        return McpStdio(self.processes, command, self.environment, self.log, _execute_code, _remote_stdout)


def _execute_code(code):
    return "execute_code", {"code": code}


def _remote_stdout(result):
    return json.loads(text_of(result))["result"]


class Frugal(Contestant):
    id, name, version, mode = "frugal-blender-mcp", "frugal-blender-mcp", "0.2.0", WINDOW
    note = "asks for Blender 4.2 or newer; its Python permission is switched on"
    has_stdio = True
    START = """
import compact_blender
compact_blender.start(output_dir=%r, descriptor=%r, permissions=("write", "render", "delete", "save", "python"))
"""

    def __init__(self, processes, programs):
        Contestant.__init__(self, processes, programs)
        self.runs_in = programs.blender_version

    def begin(self):
        self.add_on("frugal-blender-mcp", "compact_mcp/addon/compact_blender", "compact_blender")
        self._told = self.folder / "connection.json"
        code = self.START % (str(self.folder / "exports"), str(self._told))
        self.open_blender(ENABLE % "compact_blender" + code)
        wait_until(lambda: self._told.exists() and self._told.read_text(), START_S, "%s: its connection file" % self.id)
        told = json.loads(self._told.read_text())
        self.wire = FrugalLine(told["port"], told["token"])

    def stdio(self):
        more = dict(self.environment, BLENDER_COMPACT_CONNECTION=str(self._told))
        command = [self.programs.script("frugal-blender-mcp", "frugal-blender-mcp")]
        return McpStdio(self.processes, command, more, self.log, _steps, _of_steps)


def _steps(code):
    return "execute", {"steps": [{"op": "python", "code": code, "max_output": 32000}]}


def _of_steps(result):
    told = json.loads(text_of(result))
    if not told.get("ok"):
        raise Failed(str(told.get("error", told))[:400])
    return told["results"][0]["result"].get("stdout", "")


class Dcc(Contestant):
    """The server lives in Blender; `has_http` is asked at the adapter itself, as its fastest way."""

    name, version = "dcc-mcp-blender", "0.2.26"
    has_http = True
    START = """
import sys
sys.path.insert(0, %r)
import dcc_mcp_blender
server = dcc_mcp_blender.start_server(port=%d)
print('MCP_URL=' + str(getattr(server, 'mcp_url', '')), flush=True)
"""
    BOOTSTRAP = """
import bpy, sys
sys.path.insert(0, %r)
from dcc_mcp_blender import blender_bootstrap
blender_bootstrap.main(%d)
"""

    def __init__(self, processes, programs, mode):
        Contestant.__init__(self, processes, programs)
        self.mode, self.id = mode, "dcc-mcp-blender-" + mode
        self.runs_in = programs.blender_version if mode == WINDOW else programs.wheel_version + " wheel"
        self.note = "asks for Blender 4.5 or newer; asked at its adapter" if mode == WINDOW else "asked at its adapter"

    def begin(self):
        self.port = free_port()
        packages = str(self.programs.packages("dcc-mcp-blender"))
        more = {
            "DCC_MCP_REGISTRY_DIR": str(self.folder / "registry"),
            "DCC_MCP_GATEWAY_PORT": str(free_port()),
            "PATH": "%s:%s" % (self.programs.script("dcc-mcp-blender", ""), self.environment["PATH"]),
        }
        if self.mode == WINDOW:
            self.open_blender(self.START % (packages, self.port), more)
        else:
            command = [self.programs.wheel, "-c", self.BOOTSTRAP % (packages, self.port)]
            self.blender = self.processes.spawn(command, dict(self.environment, **more), self.log)
        self.listening(self.port)
        wait_until(lambda: re.search(r"MCP_URL=\S+", self.log.read_text(errors="replace")), START_S, "its address")
        self.wire = self.http()

    def http(self):
        made = McpHttp(self.port, "/mcp", _execute_python, _dcc_stdout)
        with Line(made) as line:
            line.ask(made.call("load_skill", {"skill_name": "blender-scripting"}))
        return made


def _execute_python(code):
    return "blender_scripting__execute_python", {"code": code}


def _dcc_stdout(result):
    told = result.get("structuredContent")
    if told is None:
        told = json.loads(text_of(result))
    if result.get("isError") or told.get("success") is False:
        raise Failed(str(told.get("message") or told.get("error") or told)[:400])
    context = told.get("context") or told
    return context.get("stdout") or context.get("output") or ""


class AxumFloor(Contestant):
    id, name, mode, is_floor = "floor-axum", "bare axum hub (floor)", "", True
    version, runs_in = "", ""
    note = "HTTP → axum → TCP → a responder that knows the answer; no Blender, no token, no queue"

    def begin(self):
        hub = self.processes.spawn([self.programs.bench, "floor"], self.environment, self.log, stdout=subprocess.PIPE)
        told = json.loads(hub.stdout.readline())
        hub.stdout.close()
        command = [self.programs.bench, "responder", told["link"]]
        self.blender = self.processes.spawn(command, self.environment, self.log)
        self.wire = Floor(int(told["http"].rpartition(":")[2]), LARGE_OUT, LARGE_BYTES)


class EchoFloor(Contestant):
    id, name, mode, is_floor = "floor-echo", "bare TCP echo (floor)", "", True
    version, runs_in = "", ""
    note = "one hop to a Python process that sends back what it gets"

    def begin(self):
        command = [str(self.programs.wheel), "-I", HERE / "echo.py"]
        self.blender = self.processes.spawn(command, self.environment, self.log, stdout=subprocess.PIPE)
        self.wire = Echo(int(self.blender.stdout.readline()))
        self.blender.stdout.close()


class Bare(Contestant):
    """A Blender without anything: what idle costs are counted from."""

    name, version, is_floor = "Blender alone", "", True

    def __init__(self, processes, programs, mode, in_wheel=False):
        Contestant.__init__(self, processes, programs)
        self.mode, self._in_wheel = mode, in_wheel
        self.id = "bare-" + ("wheel" if in_wheel else mode)
        self.runs_in = programs.wheel_version + " wheel" if in_wheel else programs.blender_version

    def begin(self):
        wait = "import bpy, time; print('ready', flush=True); time.sleep(100000)"
        if self._in_wheel:
            self.blender = self.processes.spawn([self.programs.wheel, "-c", wait], self.environment, self.log)
        else:
            self.open_blender("" if self.mode == WINDOW else wait, background=self.mode == BACKGROUND)

    def settle(self):
        """Nobody can ask it; it stands still when it has used little of a core for two seconds."""
        still, end = 0, time.monotonic() + START_S
        while still < 2 and time.monotonic() < end:
            before = cpu_s(self.blender.pid)
            time.sleep(1.0)
            still = still + 1 if cpu_s(self.blender.pid) - before < STILL_S else 0


def all_of(processes, programs):
    told = [EchoFloor(processes, programs)]
    if programs.bench:
        told.append(AxumFloor(processes, programs))
    else:
        places.say("there is no kapelle-bench beside kapelle: the bare axum floor is left out")
    told += [Kapelle(processes, programs, WINDOW), McpForBlender(processes, programs), BlendMcp(processes, programs)]
    told += [BlenderRemote(processes, programs, WINDOW), Frugal(processes, programs), Dcc(processes, programs, WINDOW)]
    told += [Kapelle(processes, programs, BACKGROUND), BlenderRemote(processes, programs, BACKGROUND)]
    told += [Kapelle(processes, programs, BACKGROUND, in_wheel=True), Dcc(processes, programs, BACKGROUND)]
    told += [Bare(processes, programs, WINDOW), Bare(processes, programs, BACKGROUND)]
    return [*told, Bare(processes, programs, BACKGROUND, in_wheel=True)]
