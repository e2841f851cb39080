# SPDX-License-Identifier: MIT OR Apache-2.0
"""What of bench/peers can be told without a Blender: when an answer is whole, and whether the report is fair."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import chart
import places
import report
from mcp_wires import McpHttp
from wires import BareJson, Failed, Http, KapelleHttp


def row(name, mode, p50, **more):
    found = {
        "call": [{"p50_ms": p50, "p99_ms": 2 * p50, "calls": 9}],
        "crowd": [{"p50_ms": p50, "calls_per_s": 8e3 / p50}],
    }
    about = {"id": name, "name": name, "version": "1", "mode": mode, "runs_in": "3.4.1", "note": "", "is_floor": False}
    return dict(about, found=dict(found, **more), hostile={})


def run(*contestants):
    about = {
        "date": "2026-01-01",
        "machine": "m",
        "kapelle": "1",
        "blenders": "3",
        "load_before": "0",
        "load_after": "0",
    }
    return {"about": dict(about, minutes=1.0), "contestants": list(contestants)}


def test_who_is_better_is_said_whoever_it_is():
    told = report.markdown(run(row("kapelle", "window", 0.5), row("other", "window", 5.0)))
    assert "Kapelle is first or level in all 4 columns" in told and "BUSY" not in told
    told = report.markdown(run(row("kapelle", "window", 5.0), row("other", "window", 0.5)))
    assert "one call, p50 ms: other 0.50, Kapelle 5.00" in told
    assert "8 clients, calls/s: other 16,000, Kapelle 1,600" in told


def test_what_failed_stands_in_the_place_of_its_figure():
    told = report.markdown(run(row("kapelle", "window", 1.0), row("other", "window", 5.0, large_in=["closed | after"])))
    assert "fails: closed / after" in told


def test_figures_are_medians_with_their_spread():
    rounds = [{"p50_ms": value, "p99_ms": 9.0, "calls": 1} for value in (3.0, 1.0, 2.0)]
    told = report.markdown(run(row("kapelle", "window", 1.0, call=rounds)))
    assert "2.00 (1.00–3.00)" in told


def test_the_chart_is_one_picture_for_light_and_dark():
    told = chart.draw(run(row("kapelle", "window", 0.5), row("a < b", "window", 500.0)))
    assert ElementTree.fromstring(told).tag.endswith("svg")
    assert "prefers-color-scheme: dark" in told and "a &lt; b" in told


def test_the_docs_show_what_the_kept_numbers_say_and_have_none_raw():
    told = json.loads(places.RAW.read_text("utf-8"))
    page = (places.DOCS / "peers.md").read_text("utf-8")
    link = page.partition("[peers.json](")[2].partition(")")[0]
    assert (places.DOCS / link).resolve() == places.RAW
    assert page == report.markdown(told, link) and (places.DOCS / "peers.svg").read_text("utf-8") == chart.draw(told)
    assert report.raw_of(places.DOCS) == places.RAW and not (places.DOCS / places.RAW_NAME).exists()


def test_elsewhere_raw_numbers_lie_beside_the_report(tmp_path):
    told = run(row("kapelle", "window", 0.5), row("other", "window", 5.0))
    report.write(told, tmp_path / "new")
    raw = tmp_path / "new" / places.RAW_NAME
    assert json.loads(raw.read_text("utf-8")) == told
    assert "raw numbers: [peers.json](peers.json)" in (tmp_path / "new" / "peers.md").read_text("utf-8")
    (tmp_path / "new" / "peers.md").unlink()
    report.write_again(raw)
    assert (tmp_path / "new" / "peers.md").exists()


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_bare_object_is_whole_at_its_end_only(cut):
    answer = b'{"status": "success", "result": {"result": "{}}"}}'
    wire = BareJson(1)
    assert not wire.is_whole(bytearray(answer[:-cut])) and wire.is_whole(bytearray(answer))
    assert wire.printed(answer) == "{}}"


def test_http_by_length_and_in_chunks():
    wire = Http(1, "")
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    for answer in (plain, chunked):
        assert not wire.is_whole(bytearray(answer[:-1])) and wire.is_whole(bytearray(answer))
        assert wire.body(answer) == (200, b"{}")


def test_a_refusal_is_no_result():
    body = b'{"status": "failed", "problem": {"message": "no"}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with pytest.raises(Failed, match="no"):
        KapelleHttp(1, "t").printed(answer)
    with pytest.raises(Failed, match="nothing"):
        BareJson(1).printed(b'{"status": "error", "message": "nothing"}')


def test_an_mcp_result_out_of_a_stream():
    wire = McpHttp.__new__(McpHttp)
    body = b'data: \n\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"2"}]}}\n\n'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert wire.result(answer)["content"][0]["text"] == "2"
