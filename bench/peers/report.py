# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a run found, for people (peers.md with a chart, in docs/reference) and for programs (peers.json in results/
beside this file, from which both are drawn). Written into another folder, the three lie side by side.

Figures are medians over rounds, with the least and the most of a round behind them. Who is first is read off the
figures here, for every column, also where it is not Kapelle.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
from pathlib import Path

import chart
from places import DOCS, RAW, RAW_NAME, ROOT

WINDOW, BACKGROUND = "window", "background"


def number(value):
    for most, digits in ((0.1, 3), (10, 2), (100, 1)):
        if abs(value) < most:
            return "%.*f" % (digits, value)
    return "{:,.0f}".format(value)


class Column:
    """`of(row)` gives (value, least, most), a sentence, or None. `least_is_best`: which end is good. Differences below
    `grain`, in the column's unit, are none."""

    def __init__(self, key, head, of, least_is_best=True, grain=0.05):
        self.key, self.head, self.of, self.least_is_best, self.grain = key, head, of, least_is_best, grain


def rounds_of(what, figure):
    def read(row):
        told = row.get(what)
        if not told:
            return None
        values = [one[figure] for one in told if isinstance(one, dict)]
        if not values:
            return str(told[0])
        return statistics.median(values), min(values), max(values)

    return read


def one_of(what, figure):
    def read(row):
        told = row.get(what)
        return (told[figure],) * 3 if isinstance(told, dict) and figure in told else None

    return read


COLUMNS = (
    Column("call_p50", "one call, p50 ms", rounds_of("call", "p50_ms")),
    Column("call_p99", "one call, p99 ms", rounds_of("call", "p99_ms")),
    Column("crowd", "8 clients, calls/s", rounds_of("crowd", "calls_per_s"), False),
    Column("crowd_p50", "8 clients, p50 ms", rounds_of("crowd", "p50_ms")),
    Column("stdio_p50", "MCP stdio, p50 ms", rounds_of("stdio", "p50_ms")),
    Column("stdio_p99", "MCP stdio, p99 ms", rounds_of("stdio", "p99_ms")),
    Column("http_p50", "MCP HTTP, p50 ms", rounds_of("http", "p50_ms")),
    Column("http_p99", "MCP HTTP, p99 ms", rounds_of("http", "p99_ms")),
)
# Why Kapelle is not first where it is known to be so, and means to stay.
WHY = {
    "out_s": ". With Kapelle the value goes through the hub, which reads it and keeps it in case it is asked for again;"
    " with the other it goes straight from the add-on to the caller",
    "idle_mb": ". Kapelle's add-on keeps the descriptions of its commands, outcomes and the undo history of calls; the"
    " others run code and do little else",
    "beside_mb": ". Kapelle's hub keeps jobs and history when Blender is gone, and serves every client; the others"
    " start a server for each MCP client instead (the next column)",
    "served_mb": ". Measured after all rounds: the hub still keeps up to 64 MB of the 5 MB values, in case they are"
    " asked for again",
}

LARGE = (
    Column("in_s", "5 MB in, s", rounds_of("large_in", "s"), grain=0.02),
    Column("in_ratio", "bytes × 5 MB", rounds_of("large_in", "ratio")),
    Column("out_s", "5 MB out, s", rounds_of("large_out", "s"), grain=0.02),
    Column("out_ratio", "bytes × 5 MB", rounds_of("large_out", "ratio")),
    Column("status", "status during a 3 s call, ms", rounds_of("status", "ms"), grain=10.0),
    Column("ping", "MCP ping during it, ms", rounds_of("ping", "ms"), grain=10.0),
)
IDLE = (
    Column("idle_percent", "add-on, % of a core beyond Blender alone", one_of("idle", "over_percent"), grain=0.5),
    Column("idle_mb", "add-on, MB beyond Blender alone", one_of("idle", "over_mb"), grain=2.0),
    Column("beside_percent", "beside Blender, % of a core", one_of("idle", "beside_percent"), grain=0.5),
    Column("beside_mb", "beside Blender, MB", one_of("idle", "beside_mb")),
    Column("served_mb", "beside Blender with one MCP client on stdio, MB", one_of("served", "mb")),
)
WRITTEN_BY = (
    "- written by `bench/peers/run` ([what is measured and how](../../bench/peers/README.md)); "
    "raw numbers: [peers.json](%s)"
)
# Beyond this something else ran too; what ended a minute before still counts.
QUIET_LOAD = 1.5
BUSY = "- THE MACHINE WAS BUSY with other things: large factors still mean something, milliseconds and p99 little."
CHART = "![one call, eight clients, MCP](peers.svg)"
READ_IT = (
    "Medians over rounds, with the fastest and the slowest round in brackets. All are called by the same code in the\n"
    "same rounds; a call is `print(1+1)`, because some programs return only printed text. – marks what a program does\n"
    "not have."
)
# Of the hostile cases.
READ_CASES = (
    "Each case starts with a healthy Blender; afterwards a new client makes a call. Kapelle's calls set\n"
    "`timeout_ms: 5000`; the protocols of the others have no such option."
)
# Nearer than this to the best of a column counts as level: less than rounds differ by.
LEVEL = 1.1


def collect(programs, known, rows, cases, lasted):
    """Everything about a run, as it goes into the JSON."""
    alone = [one for one in known if one.id.startswith("bare-")]
    bare = {one.mode + one.runs_in: rows.get(one.id, {}).get("idle") for one in alone}
    told = []
    for one in known:
        row = dict(rows.get(one.id, {}))
        over = bare.get(one.mode + one.runs_in)
        if "idle" in row and over and not one.id.startswith("bare-"):
            idle = row["idle"]
            idle["over_percent"] = max(0.0, idle["blender_percent"] - over["blender_percent"])
            idle["over_mb"] = max(0.0, idle["blender_mb"] - over["blender_mb"])
        about = ("id", "name", "version", "mode", "runs_in", "note", "is_floor")
        told.append(dict({key: getattr(one, key) for key in about}, found=_short(row), hostile=cases.get(one.id, {})))
    return {"about": _about(programs, lasted), "contestants": told}


def write(told, out):
    """Report and chart into `out`, the raw numbers to where they belong."""
    raw = raw_of(out)
    for path, text in (
        (raw, json.dumps(told, indent=1, ensure_ascii=False) + "\n"),
        (out / "peers.svg", chart.draw(told)),
        (out / "peers.md", markdown(told, os.path.relpath(raw, out))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def write_again(raw, out=None):
    """The same from a run's raw numbers: into `out`, else to where that run has put its report."""
    is_kept = raw.resolve() == RAW
    write(json.loads(raw.read_text("utf-8")), out or (DOCS if is_kept else raw.parent))


def raw_of(out):
    """Where the raw numbers behind a report in `out` lie: not in the docs."""
    return RAW if out.resolve() == DOCS else out / RAW_NAME


def markdown(told, raw=RAW_NAME):
    """`raw`: where the raw numbers are, as a link in the page says it."""
    about = told["about"]
    lines = ["# Kapelle compared with others on PyPI", ""]
    lines += ["- %s; %s" % (about["date"], about["machine"])]
    lines += ["- kapelle %s; Blenders: %s" % (about["kapelle"], about["blenders"])]
    loads = (about["load_before"], about["load_after"], about["minutes"])
    lines += ["- load %s before, %s after; %.1f minutes in all" % loads, WRITTEN_BY % raw]
    if float(about["load_before"]) > QUIET_LOAD:
        lines.append(BUSY)
    lines += ["", CHART, "", READ_IT]
    for mode, title in ((WINDOW, "A Blender with a window"), (BACKGROUND, "A Blender in the background")):
        mine = [one for one in told["contestants"] if one["mode"] == mode and not one["is_floor"]]
        if not any(one["found"] for one in mine):
            continue
        floors = [one for one in told["contestants"] if one["is_floor"] and not one["id"].startswith("bare-")]
        lines += ["", "## " + title, ""] + _table(mine + floors, COLUMNS)
        lines += [""] + _table(mine + floors, LARGE)
        lines += [""] + _table(mine, IDLE)
        lines += _notes(mine)
        lines += _firsts(mine)
    lines += _hostile(told)
    return "\n".join(lines) + "\n"


def _table(contestants, columns):
    columns = [one for one in columns if any(one.of(row["found"]) for row in contestants)]
    if not columns:
        return []
    lines = ["| | %s |" % " | ".join(one.head for one in columns), "|---|%s" % ("---:|" * len(columns))]
    for row in contestants:
        cells = [_cell(column, row["found"]) for column in columns]
        if any(cell != "–" for cell in cells):
            lines.append("| %s | %s |" % (_named(row), " | ".join(cells)))
    return lines


def _cell(column, found):
    told = column.of(found)
    if told is None:
        return "–"
    if isinstance(told, str):
        return "fails: " + _in_cell(told)
    value, least, most = told
    if number(least) == number(most):
        return number(value)
    return "%s (%s–%s)" % (number(value), number(least), number(most))


def _in_cell(text):
    words = " ".join(text.replace("|", "/").split())
    return words[:60] + ("…" if len(words) > 60 else "")


def _named(row):
    name = "%s %s" % (row["name"], row["version"])
    where = ", in %s" % row["runs_in"] if row["runs_in"] else ""
    return ("**%s**" % name if row["name"] == "kapelle" else name).strip() + where


def _notes(mine):
    lines = []
    for row in mine:
        if row["note"] or "failed" in row["found"]:
            lines.append("- %s: %s" % (row["name"], "; ".join(filter(None, (row["note"], row["found"].get("failed"))))))
    return ["", *lines] if lines else []


def _firsts(mine):
    """Who is first in each column, where it is not Kapelle alone."""
    lines, ahead = [], 0
    ours = [row for row in mine if row["name"] == "kapelle"]
    for column in COLUMNS + LARGE + IDLE:
        told = {row["id"]: column.of(row["found"])[0] for row in mine if isinstance(column.of(row["found"]), tuple)}
        own = [told[row["id"]] for row in ours if row["id"] in told]
        others = [(told[row["id"]], row) for row in mine if row["id"] in told and row["name"] != "kapelle"]
        if not own or not others:
            continue
        pick = min if column.least_is_best else max
        mine_best, (theirs, who) = pick(own), pick(others, key=lambda one: one[0])
        better = theirs < mine_best if column.least_is_best else theirs > mine_best
        ratio = max(theirs, mine_best) / max(1e-9, min(theirs, mine_best))
        if better and ratio > LEVEL and abs(theirs - mine_best) > column.grain:
            said = "- %s: %s %s, Kapelle %s" % (column.head, who["name"], number(theirs), number(mine_best))
            lines.append(said + WHY.get(column.key, ""))
        else:
            ahead += 1
    if not lines:
        said = "Kapelle is first or level in all %d columns that another program has too."
        return ["", said % ahead] if ahead else []
    return ["", "Kapelle is first or level in %d columns; another program is better in:" % ahead, "", *lines]


def _hostile(told):
    tried = [row for row in told["contestants"] if row["hostile"]]
    if not tried:
        return []
    lines = ["", "## Hostile cases", "", READ_CASES]
    for case in tried[0]["hostile"]:
        lines += ["", "**%s**" % case, "", "| | what happens |", "|---|---|"]
        lines += ["| %s | %s |" % (_named(row), row["hostile"].get(case, "–").replace("|", "/")) for row in tried]
    return lines


def _about(programs, lasted):
    version, commit = _said_by([programs.kapelle, "--version"]), _said_by(["git", "rev-parse", "--short", "HEAD"])
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": "%s, %d cores, Linux %s" % (_processor(), os.cpu_count(), platform.release()),
        "kapelle": "%s (%s)" % (version.split()[-1], commit or "no commit"),
        "blenders": "%s, and the wheel %s" % (programs.blender_version, programs.wheel_version),
        "load_before": programs.load,
        "load_after": "%.2f" % os.getloadavg()[0],
        "minutes": lasted / 60.0,
    }


def _said_by(command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _short(told):
    """Four digits are more than a run knows."""
    if isinstance(told, float):
        return float("%.4g" % told)
    if isinstance(told, dict):
        return {key: _short(one) for key, one in told.items()}
    return [_short(one) for one in told] if isinstance(told, list) else told
