# SPDX-License-Identifier: MIT OR Apache-2.0
"""The chart: bars on a logarithmic scale, as an SVG without scripts or fonts, readable in light and dark.

In: what report.collect gives. Out: the text of the SVG.
"""

import math
import statistics
from html import escape

WIDTH, LEFT, RIGHT = 760, 230, 90
BAR, GAP, TITLE = 16, 6, 40
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
  .bar { fill: #8c959f } .kapelle { fill: #0969da } .floor { fill: #d0d7de } line { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .bar { fill: #656c76 } .kapelle { fill: #4493f8 }
    .floor { fill: #3d444d } line { stroke: #3d444d }
  }
"""
PANELS = (
    ("One call, window: p50 in ms, shorter is better", "window", "call", "p50_ms"),
    ("One call, background: p50 in ms, shorter is better", "background", "call", "p50_ms"),
    ("Eight clients, window: calls per second, longer is better", "window", "crowd", "calls_per_s"),
    ("Eight clients, background: calls per second, longer is better", "background", "crowd", "calls_per_s"),
    ("One call by MCP on stdio, window: p50 in ms, shorter is better", "window", "stdio", "p50_ms"),
)


def draw(told):
    parts, y = [], 10
    for title, mode, what, figure in PANELS:
        bars = _bars(told, mode, what, figure)
        if len(bars) > 1:
            drawn, y = _panel(title, bars, y)
            parts += drawn
    date = "%s · %s" % (told["about"]["date"][:10], told["about"]["machine"])
    parts.append('<text class="small" x="10" y="%d">%s · logarithmic scale</text>' % (y + 14, escape(date)))
    size = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d"' % (WIDTH, y + 26, WIDTH)
    return "<svg %s>\n<style>%s</style>\n%s\n</svg>\n" % (size, STYLE, "\n".join(parts))


def _bars(told, mode, what, figure):
    """[(name, kind, value)] with the floors at the end."""
    bars = []
    for row in told["contestants"]:
        rounds = [one[figure] for one in row["found"].get(what, []) if isinstance(one, dict)]
        if not rounds or (row["mode"] != mode and not (row["is_floor"] and not row["mode"])):
            continue
        kind = "kapelle" if row["name"] == "kapelle" else "floor" if row["is_floor"] else "bar"
        name = row["name"] + (" (wheel)" if "wheel" in row["runs_in"] else "")
        bars.append((name, kind, statistics.median(rounds)))
    return sorted(bars, key=lambda bar: bar[1] == "floor")


def _panel(title, bars, y):
    values = [max(value, 1e-6) for _name, _kind, value in bars]
    low = 10 ** math.floor(math.log10(min(values)) - 0.01)
    high = 10 ** math.ceil(math.log10(max(values)))
    scale = (WIDTH - LEFT - RIGHT) / max(1e-9, math.log10(high / low))
    top, height = y + TITLE - 12, len(bars) * (BAR + GAP)
    parts = ['<text class="title" x="10" y="%d">%s</text>' % (y + 18, escape(title))]
    at = low
    while at <= high * 1.001:
        x = LEFT + math.log10(at / low) * scale
        parts.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>' % (x, x, top, top + height))
        parts.append('<text class="small" x="%.1f" y="%d" text-anchor="middle">%g</text>' % (x, top + height + 12, at))
        at *= 10
    for number, (name, kind, value) in enumerate(bars):
        bar_y = top + number * (BAR + GAP) + GAP / 2
        width = max(1.0, math.log10(max(value, 1e-6) / low) * scale)
        parts.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 8, bar_y + 12, escape(name)))
        parts.append(
            '<rect class="%s" x="%d" y="%.1f" width="%.1f" height="%d" rx="2"/>' % (kind, LEFT, bar_y, width, BAR)
        )
        shown = "%.3g" % value if value < 1000 else "{:,.0f}".format(value)
        parts.append('<text x="%.1f" y="%.1f">%s</text>' % (LEFT + width + 6, bar_y + 12, shown))
    return parts, top + height + 24
