# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official MCP conformance suite, in both protocol eras, against the binary behind the proxy.

With its fixtures nothing may fail, required or not. Without them a hub must still pass what needs none: the baseline
names what is known to be missing, and an entry that has begun to pass fails the run.
"""

import json
import re
import subprocess
from collections import Counter

import pytest
from client import Client

from conftest import HERE

REVISIONS = ("2026-07-28", "2025-11-25")
# Some way below what each revision checks (197 and 83), so that a suite which checks nothing is seen.
PASSED_MIN = {"2026-07-28": 190, "2025-11-25": 80}
RUN_S = 240.0
BAD = ("FAILURE", "WARNING")


@pytest.fixture(scope="module")
def with_fixtures(proxied, conformance):
    with proxied(conformance) as (_hub, url):
        yield url


@pytest.fixture(scope="module")
def without_fixtures(proxied, binary):
    with proxied(binary) as (_hub, url):
        yield url


def run_suite(clients, url, revision, folder, *words):
    """The tool's exit code, its report, and every check it made."""
    command = [*clients.conformance, "server", "--url", url + "/mcp", "--requirements", revision]
    done = subprocess.run([*command, "-o", str(folder), *words], capture_output=True, text=True, timeout=RUN_S)
    checks = []
    for path in sorted(folder.glob("*/checks.json")):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", path.parent.name.removeprefix("server-"))
        checks += [(scenario, check) for check in json.loads(path.read_text())]
    return done.returncode, done.stdout + done.stderr, checks


def lines(checks):
    return [
        "%s %s: %s %s" % (scenario, check["id"], check["status"], check.get("errorMessage", ""))
        for scenario, check in checks
        if check["status"] in BAD
    ]


@pytest.mark.parametrize("revision", REVISIONS)
def test_nothing_fails(clients, with_fixtures, revision, tmp_path):
    code, report, checks = run_suite(clients, with_fixtures, revision, tmp_path)
    bad = lines(checks)
    assert not bad, "\n".join(bad)
    assert code == 0, report[-3000:]
    passed = Counter(check["status"] for _, check in checks)["SUCCESS"]
    assert passed >= PASSED_MIN[revision], "only %d checks\n%s" % (passed, report[-3000:])
    print("%s: %d checks passed" % (revision, passed))


@pytest.mark.parametrize("revision", REVISIONS)
def test_without_fixtures_only_the_known_is_missing(clients, without_fixtures, revision, tmp_path):
    baseline = HERE / ("baseline-%s.yaml" % revision)
    words = ("--expected-failures", str(baseline))
    code, report, checks = run_suite(clients, without_fixtures, revision, tmp_path, *words)
    assert code == 0, report[-4000:]
    # The tool judges only what a revision requires; here everything counts.
    known = {line[4:].strip() for line in baseline.read_text().splitlines() if line.startswith("  - ")}
    bad = {"%s:%s" % (scenario, check["id"]) for scenario, check in checks if check["status"] in BAD}
    assert bad == known, (sorted(bad - known), sorted(known - bad))
    # A hub that answers nothing would fit a long baseline too.
    assert Counter(check["status"] for _, check in checks)["SUCCESS"] >= 40, report[-4000:]


def test_the_proxy_is_needed(proxied, conformance):
    """Without a token not even the suite gets in: the fixtures open no door."""
    with proxied(conformance) as (hub, _url):
        answer = Client(hub.url, None).request("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        answer.problem(401, "unauthenticated")
