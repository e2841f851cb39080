# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hub of the binary under test, one Blender for all, and the clients that the script has installed."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "apps" / "blender" / "tests"
for folder in (HERE, TESTS, TESTS / "walk"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from client import Client  # noqa: E402
from hubs import Hub  # noqa: E402
from programs import binary, find_program, missing  # noqa: E402, F401

from proxy import Proxy  # noqa: E402
from puppet import Line, Puppet  # noqa: E402

# What `kapelle mcp` may: a token for clients over HTTP is narrowed in the same way.
SCOPES = ("read", "write", "destructive", "code")


class Clients:
    """Where the installed clients are."""

    def __init__(self):
        self.modules = self._told("KAPELLE_TEST_NODE_MODULES")
        self.node = self.modules / ".bin" / "node"
        self.python = {1: self._told("KAPELLE_TEST_PYTHON_SDK1"), 2: self._told("KAPELLE_TEST_PYTHON_SDK2")}
        official = self.modules / "@modelcontextprotocol"
        self.conformance = [str(self.node), str(official / "conformance" / "dist" / "index.js")]
        inspector = official / "inspector" / "clients" / "launcher" / "build" / "index.js"
        self.inspector = [str(self.node), str(inspector), "--cli"]

    @staticmethod
    def _told(variable):
        path = os.environ.get(variable)
        if not path or not Path(path).exists():
            missing("%s names nothing that is there; scripts/test-clients sets it" % variable)
        # Not resolved: a Python of an environment is a link, and what it is depends on where the link lies.
        return Path(path).absolute()


class ListeningHub(Hub):
    """`kapelle serve` with the address that a test wants."""

    def __init__(self, binary, home, listen="127.0.0.1:0"):
        self.listen = listen
        super().__init__(binary, home)

    def serve(self):
        self.process = self.popen("serve", "--listen", self.listen, "--json")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the hub did not start: %r" % (self.process.communicate()[1],))
        self.ready = json.loads(line)
        self.url = self.ready["url"]
        self.token = Path(self.ready["token_file"]).read_text().strip()
        self.http = Client(self.url, self.token)
        return self


@pytest.fixture(scope="session")
def clients():
    return Clients()


@pytest.fixture(scope="session")
def conformance(binary):
    """The command line whose hub has what the conformance suite looks for; it is built beside the other."""
    found = Path(binary).with_name("kapelle-conformance")
    return str(found) if found.exists() else missing("there is no %s: cargo build --workspace" % found)


@pytest.fixture(scope="session")
def proxied(tmp_path_factory):
    """Makes a hub behind the proxy: `with proxied(binary) as (hub, url)`. The same port on two loopback addresses."""

    @contextmanager
    def make(binary):
        proxy = Proxy()
        home = tmp_path_factory.mktemp("proxied") / "home"
        try:
            with ListeningHub(binary, home, "127.0.0.2:%d" % proxy.port) as hub:
                proxy.forward(("127.0.0.2", proxy.port), hub.token)
                yield hub, proxy.url
        finally:
            proxy.close()

    return make


@pytest.fixture(scope="session")
def blender():
    found = find_program("bpy45")
    return missing(found) if isinstance(found, str) else found


@pytest.fixture(scope="session")
def stage(binary, blender, tmp_path_factory):
    """A hub with one background Blender, for every client in turn."""
    with ListeningHub(binary, tmp_path_factory.mktemp("stage") / "home") as hub:
        hub.start(blender, "blender")
        yield hub


@pytest.fixture(scope="session")
def puppets(clients, tmp_path_factory):
    """The folder of the puppets, with the installed packages beside them."""
    folder = tmp_path_factory.mktemp("puppets")
    for path in (HERE / "puppets").iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "node_modules").symlink_to(clients.modules)
    return folder


@pytest.fixture(scope="session")
def connect(stage, clients, puppets):
    """Connects a client: `connect(line, tasks=True, path="/mcp")`; the test closes it."""
    made = []
    secrets = {}

    def connect(line: Line, name=None, path="/mcp", elicits=True, **more):
        name = name or "test-%s-%d" % (line.key, len(made))
        config = {"name": name, "transport": line.transport, "mode": line.mode, "elicits": elicits, **more}
        if line.transport == "http":
            if name not in secrets:
                secrets[name] = stage.caller(name, *SCOPES, ask=["destructive"]).token
            config.update(url=stage.url + path, token=secrets[name])
        else:
            words = ["mcp"] if path == "/mcp" else ["mcp", "--app", path.rpartition("/")[2]]
            config.update(command=str(stage.binary), args=words, env=stage.environment)
        program = [str(clients.node)] if line.is_node else [str(clients.python[line.major])]
        puppet = Puppet(line, [*program, str(puppets / line.script)], config, stage.environment)
        made.append(puppet)
        return puppet

    yield connect
    for puppet in made:
        puppet.close()
