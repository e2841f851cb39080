# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that people use as MCP clients read what `kapelle mcp install` writes, and connect by it.

Each gets a home folder of its own, with nothing in it but our entry, and lists its servers; none needs an account for
that. KAPELLE_TEST_AGENTS: folders with installed packages, separated like PATH. scripts/test-clients installs Codex
(TOML) and Gemini CLI (JSON); Claude Code and opencode are tried where a folder has them, because they are large.
"""

import json
import os
import platform
import subprocess
import threading
from pathlib import Path

import pytest
from programs import missing

from conftest import ListeningHub

RUN_S = 90.0
IN_CI = ("codex", "gemini-cli")
CPU = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SYSTEM = platform.system().lower() + "-" + CPU


class Agent:
    """One installed program, in a home folder in which `kapelle mcp install` has written its entry."""

    def __init__(self, name, hub, home):
        self.name, self.hub, self.home = name, hub, home
        self.environment = dict(
            {key: value for key, value in hub.environment.items() if not key.startswith("XDG_")},
            HOME=str(home),
            # A folder that nobody has been asked about is not trusted, and its servers stay off.
            GEMINI_CLI_TRUST_WORKSPACE="true",
            CI="true",
        )
        self.environment.pop("CODEX_HOME", None)
        self.environment.pop("CLAUDE_CONFIG_DIR", None)

    def install(self):
        words = [str(self.hub.binary), "mcp", "install", self.name, "--json"]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=RUN_S, env=self.environment, cwd=self.home, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (told,) = json.loads(done.stdout)["clients"]
        assert Path(told["path"]).is_relative_to(self.home), told
        return told

    def run(self, *words):
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=RUN_S,
            env=self.environment,
            cwd=self.home,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def _package(name):
    for folder in (os.environ.get("KAPELLE_TEST_AGENTS") or "").split(os.pathsep):
        if folder and (Path(folder) / name).is_dir():
            return Path(folder) / name
    return None


def _claude_code(agent, package):
    said = agent.run(str(package / "claude"), "mcp", "list")
    assert "kapelle: %s mcp - ✔ Connected" % agent.hub.binary in said, said


def _opencode(agent, package):
    said = agent.run(str(package / "bin" / "opencode"), "mcp", "list")
    assert "kapelle" in said and "connected" in said and "%s mcp" % agent.hub.binary in said, said


def _gemini_cli(agent, package):
    script = next(iter(json.loads((package / "package.json").read_text())["bin"].values()))
    node = Path(os.environ.get("KAPELLE_TEST_NODE_MODULES") or "nowhere") / ".bin" / "node"
    if not node.exists():
        missing("KAPELLE_TEST_NODE_MODULES has no node; scripts/test-clients sets it")
    said = agent.run(str(node), str(package / script), "mcp", "list")
    assert "✓ kapelle: %s mcp (stdio) - Connected" % agent.hub.binary in said, said


def _codex(agent, package):
    program = next(package.glob("vendor/*/bin/codex"))
    said = json.loads(
        agent.run(str(program), "mcp", "list", "--json").partition("\nWARNING")[0].partition("WARNING")[0]
    )
    (entry,) = said
    assert entry["name"] == "kapelle" and entry["enabled"], entry
    assert entry["transport"]["command"] == str(agent.hub.binary), entry
    told = _ask_codex(agent, program)
    (server,) = [one for one in told["data"] if one["name"] == "kapelle"]
    assert server["serverInfo"]["title"] == "Kapelle" and {"code", "find", "run"} <= set(server["tools"]), server


def _ask_codex(agent, program):
    """`mcp list` of this one connects to nothing; its server for editors does."""
    server = subprocess.Popen(
        [str(program), "app-server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=agent.environment,
        cwd=agent.home,
    )
    end = threading.Timer(RUN_S, server.kill)
    end.start()
    try:
        for message in (
            {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "test", "version": "1"}}},
            {"method": "initialized"},
            {"id": 2, "method": "mcpServerStatus/list", "params": {}},
        ):
            server.stdin.write(json.dumps(message) + "\n")
            server.stdin.flush()
        for line in server.stdout:
            told = json.loads(line)
            if told.get("id") == 2:
                return told["result"]
        raise AssertionError("Codex ended without an answer")
    finally:
        end.cancel()
        server.kill()
        server.wait()
        server.stdin.close()
        server.stdout.close()


AGENTS = {
    "codex": ("@openai/codex-" + SYSTEM, _codex),
    "gemini-cli": ("@google/gemini-cli", _gemini_cli),
    "claude-code": ("@anthropic-ai/claude-code-" + SYSTEM, _claude_code),
    "opencode": ("opencode-" + SYSTEM, _opencode),
}


@pytest.fixture(scope="module")
def hub(binary, tmp_path_factory):
    with ListeningHub(binary, tmp_path_factory.mktemp("agents") / "home") as made:
        yield made


@pytest.mark.parametrize("name", AGENTS)
def test_it_reads_our_entry_and_connects(name, hub, tmp_path):
    wanted, check = AGENTS[name]
    package = _package(wanted)
    if package is None and name in IN_CI:
        missing("KAPELLE_TEST_AGENTS has no %s; scripts/test-clients sets it" % wanted)
    if package is None:
        pytest.skip("KAPELLE_TEST_AGENTS has no %s" % wanted)
    agent = Agent(name, hub, tmp_path)
    agent.install()
    check(agent, package)
