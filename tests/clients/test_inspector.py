# SPDX-License-Identifier: MIT OR Apache-2.0
"""The MCP Inspector's strict check of the tools' schemas, and its way of using them, over HTTP and stdio."""

import json
import subprocess
import sys

import pytest

RUN_S = 90.0
# A server whose one schema is known to be a warning: shows that the check checks.
POOR_SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
    elif asked.get("method") == "tools/list":
        schema = {"type": "object", "properties": {"x": {"type": ["integer", "null"]}}}
        result = {"tools": [{"name": "poor", "inputSchema": schema}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


class Inspector:
    def __init__(self, command, home, hub):
        self.command = command
        self.hub = hub
        self.environment = {**hub.environment, "HOME": str(home)}

    def run(self, target, *words, code=0):
        """The result and the complaints of one run."""
        done = subprocess.run(
            [*self.command, *target, *words, "--format", "json"],
            capture_output=True,
            text=True,
            timeout=RUN_S,
            env=self.environment,
        )
        assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return json.loads(done.stdout), done.stderr

    def over_http(self, path, era):
        header = "Authorization: Bearer " + self.hub.token
        url = self.hub.url + path
        return ["--transport", "http", "--server-url", url, "--header", header, "--protocol-era", era]

    def over_stdio(self, era):
        # It hands a server nothing of its own environment.
        home = "KAPELLE_HOME=%s" % self.hub.home
        return [self.hub.binary, "mcp", "-e", home, "--protocol-era", era]


@pytest.fixture(scope="module")
def inspector(clients, stage, tmp_path_factory):
    return Inspector(clients.inspector, tmp_path_factory.mktemp("inspector"), stage)


def test_the_check_sees_a_poor_schema(inspector):
    listed, told = inspector.run([sys.executable, "-c", POOR_SERVER], "--method", "tools/list", "--strict")
    assert "0 errors, 1 warning" in told
    assert listed["schemaFindings"]


@pytest.mark.parametrize("era", ("legacy", "modern"))
@pytest.mark.parametrize("path", ("/mcp", "/mcp/blender"))
def test_schemas_are_portable(inspector, path, era):
    listed, told = inspector.run(inspector.over_http(path, era), "--method", "tools/list", "--strict")
    assert not listed.get("schemaFindings"), told
    # Without findings the Inspector says nothing at all.
    assert "error" not in told.lower() and "warning" not in told.lower(), told
    tools = listed["result"]["tools"]
    assert len(tools) >= 10
    assert [tool["name"] for tool in tools] == sorted(tool["name"] for tool in tools)
    for tool in tools:
        assert len(tool["description"].encode()) <= 2048, tool["name"]


@pytest.mark.parametrize("era", ("legacy", "modern"))
def test_the_inspector_runs_code(inspector, era):
    words = ("--method", "tools/call", "--tool-name", "code", "--tool-args-json", json.dumps({"code": "6 * 7"}))
    result, _ = inspector.run(inspector.over_http("/mcp", era), *words)
    assert "42" in result["result"]["content"][0]["text"]


def test_a_long_call_is_polled_to_its_end(inspector):
    """The Inspector declares tasks in the newer era and polls by itself."""
    arguments = json.dumps({"code": "import time\nfor _ in range(65): time.sleep(0.1)\n'polled'"})
    words = ("--method", "tools/call", "--tool-name", "code", "--tool-args-json", arguments)
    result, _ = inspector.run(inspector.over_http("/mcp", "modern"), *words)
    assert "polled" in result["result"]["content"][0]["text"]


def test_over_stdio(inspector):
    listed, told = inspector.run(inspector.over_stdio("auto"), "--method", "tools/list", "--strict")
    assert not listed.get("schemaFindings"), told
    assert any(tool["name"] == "code" for tool in listed["result"]["tools"])
