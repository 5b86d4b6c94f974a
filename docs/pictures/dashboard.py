#!/usr/bin/env python3
"""Draws the chart's dashboard as SVG, from a Prometheus that answers the dashboard's queries. Writes to stdout.

    dashboard.py http://127.0.0.1:9090 charts/icefront/files/dashboard.json MINUTES
"""
import dataclasses
import itertools
import json
import math
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request
from html import escape

# What Grafana fills in.
VARIABLES = {"$__rate_interval": "30s", "$job": ".*", "$pipeline": ".*"}
STEP = 3  # seconds between two points of a line
COLUMN, ROW, GAP, HEADER = 50, 28, 8, 44  # pixels
LEGEND_LINES, LINE, LETTER = 2, 15, 6.6  # the last two in pixels
COLORS = ["#1f6fb2", "#c60", "#2a8a4a", "#8a4fb0", "#c0392b", "#1a9a9a", "#a07800", "#d0569a", "#5a6b7b", "#7a5230"]
NAMED_COLORS = {"green": "#2a8a4a", "orange": "#e08a1e", "red": "#c0392b"}
STYLE = (
    "text{font:11px sans-serif;fill:#333}text.t{font-size:12px;font-weight:bold}text.r{font-size:14px;font-weight:bold}"
    "text.h{font-size:18px;font-weight:bold}text.n{fill:#666}"
    ".p{fill:#fff;stroke:#ccd}.g{stroke:#e4e4ea}path{fill:none;stroke-width:1.5;stroke-linejoin:round}"
)
# Of each unit: how many of it one step of the scale is, and the word for it.
SCALES = {
    "s": [(86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms")],
    "bytes": [(2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")],
    "percentunit": [(0.01, "%")],
    "ops": [(1, "ops/s")],
    "reqps": [(1, "req/s")],
    "rowsps": [(1, "rows/s")],
    "none": [(1, "")],
}


@dataclasses.dataclass
class Series:
    name: str
    points: list  # of (time, value), without what is no number

    def highest(self):
        return max((value for _, value in self.points), default=0)

    def spans(self):
        """The points, cut at gaps."""
        cuts = [at for at, (before, after) in enumerate(itertools.pairwise(self.points), 1) if after[0] - before[0] > 1.5 * STEP]
        return [self.points[start:end] for start, end in itertools.pairwise([0, *cuts, len(self.points)])]


@dataclasses.dataclass
class Plot:
    """A rectangle in pixels, and the times at its left and its right edge."""

    left: float
    top: float
    right: float
    bottom: float
    begin: float
    end: float

    def narrowed(self, by):
        return dataclasses.replace(self, left=self.left + by)

    def x(self, at):
        return round(self.left + (at - self.begin) / (self.end - self.begin) * (self.right - self.left), 1)

    def y(self, value, highest):
        return round(self.bottom - max(0, value) / highest * (self.bottom - self.top), 1)

    def times(self):
        minutes = round((self.end - self.begin) / 60)
        for ago in range(0, minutes + 1, math.ceil(minutes / 4)):
            x = self.x(self.end - ago * 60)
            yield f'<line class="g" x1="{x}" y1="{self.top}" x2="{x}" y2="{self.bottom}"/>'
            yield text(x, self.bottom + 16, f"−{ago} min" if ago else "now", "n", "middle" if ago else "end")


def text(x, y, words, look="", anchor="start"):
    return f'<text x="{x:g}" y="{y:g}" class="{look}" text-anchor="{anchor}">{escape(words)}</text>'


def shortened(words, width):
    letters = int(width / LETTER)
    return words if len(words) <= letters else words[: letters - 1] + "…"


def answers(prometheus, target, begin, end):
    query = target["expr"]
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    asked = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": STEP})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{asked}", timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    for one in found:
        name = re.sub(r"{{(\w+)}}", lambda label: one["metric"].get(label[1], ""), target["legendFormat"])
        points = [(at, float(value)) for at, value in one["values"]]
        yield Series(name, [(at, value) for at, value in points if math.isfinite(value)])


def legend(plot, entries):
    """The entries that fit into the lines, and how many more there are. An entry is a name and its color."""
    for shown in range(len(entries), -1, -1):
        rest = [(f"and {len(entries) - shown} more", "none")] if shown < len(entries) else []
        places, x, row = [], plot.left, 0
        for name, color in entries[:shown] + rest:
            width = 14 + len(name) * LETTER + 6
            if x + width > plot.right and x > plot.left:
                x, row = plot.left, row + 1
            places.append((x, plot.bottom + 34 + row * LINE, name, color))
            x += width
        if row < LEGEND_LINES:
            break
    for x, y, name, color in places:
        yield f'<rect x="{x:g}" y="{y - 6}" width="10" height="4" fill="{color}"/>' + text(x + 14, y, name)


def grid(highest, unit):
    """The values of at most five lines above 0, and their words."""
    factor, word = next((scale for scale in SCALES[unit] if scale[0] <= highest), SCALES[unit][-1])
    steps = (number * factor * 10.0**power for power in range(-4, 9) for number in (1, 2, 5))
    step = next(step for step in steps if step * 4 >= highest)
    return {count * step: f"{count * step / factor:,g} {word}".strip() for count in range(1, math.ceil(highest / step - 1e-9) + 1)}


def curve(series, plot, highest):
    """A line. Points amid others of the same height are left out."""
    drawn = ""
    for span in series.spans():
        dots = [(plot.x(at), plot.y(value, highest)) for at, value in span]
        kept = [dot for at, dot in enumerate(dots) if len({other[1] for other in dots[max(0, at - 1) : at + 2]}) > 1 or at in (0, len(dots) - 1)]
        drawn += "M" + " ".join(f"{x:g},{y:g}" for x, y in kept)
    return drawn


def lines(whole, panel, found):
    highest = max(series.highest() for series in found) or 1
    marks = grid(highest, panel["fieldConfig"]["defaults"]["unit"])
    highest = max(marks)
    plot = whole.narrowed(max(len(words) for words in marks.values()) * LETTER)
    yield from plot.times()
    for value, words in {0: "0", **marks}.items():
        y = plot.y(value, highest)
        yield f'<line class="g" x1="{plot.left}" y1="{y}" x2="{plot.right}" y2="{y}"/>' + text(plot.left - 6, y + 4, words, "n", "end")
    found.sort(key=lambda series: (-series.highest(), series.name))
    colors = list(zip(found, itertools.cycle(COLORS)))
    # Lines that cover each other are drawn once.
    drawn = {curve(series, plot, highest): color for series, color in reversed(colors)}
    for path, color in drawn.items():
        yield f'<path d="{path}" stroke="{color}"/>'
    yield from legend(whole, [(shortened(series.name, whole.right - whole.left - 22), color) for series, color in colors])


def states(whole, panel, found):
    """A band for each series, with the color of its state at each time."""
    words = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    height = (whole.bottom - whole.top) / len(found)
    names = min(150, max(len(series.name) for series in found) * LETTER + 1)
    plot = whole.narrowed(names)
    yield from plot.times()
    for number, series in enumerate(sorted(found, key=lambda series: series.name)):
        y = plot.top + number * height
        yield text(plot.left - 6, y + height / 2 + 4, shortened(series.name, names), "", "end")
        for span in series.spans():
            for state, points in itertools.groupby(span, key=lambda point: f"{point[1]:g}"):
                times = [at for at, _ in points]
                left, right = plot.x(times[0]), plot.x(min(times[-1] + STEP, plot.end))
                color = NAMED_COLORS[words[state]["color"]]
                yield f'<rect x="{left}" y="{y + height * 0.1:.1f}" width="{right - left:.1f}" height="{height * 0.8:.1f}" fill="{color}" fill-opacity="0.8"/>'
    yield from legend(whole, [(word["text"], NAMED_COLORS[word["color"]]) for word in words.values()])


KINDS = {"timeseries": lines, "state-timeline": states}


def drawn(panel, prometheus, begin, end):
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN + GAP / 2, HEADER + place["y"] * ROW
    width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    if panel["type"] == "row":
        yield text(x + 2, y + 17, panel["title"], "r")
        return
    found = [series for target in panel["targets"] for series in answers(prometheus, target, begin, end)]
    yield f'<rect class="p" x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="3"/>' + text(x + 10, y + 18, panel["title"], "t")
    if any(series.points for series in found):
        plot = Plot(x + 12, y + 32, x + width - 12, y + height - 28 - LEGEND_LINES * LINE, begin, end)
        yield from KINDS[panel["type"]](plot, panel, [series for series in found if series.points])
    else:
        yield text(x + width / 2, y + height / 2, "no data", "n", "middle")


def main():
    prometheus, file, minutes = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    dashboard = json.loads(file.read_text())
    end = int(time.time())
    height = HEADER + ROW * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="{height}" viewBox="0 0 1200 {height}" role="img" aria-label="The dashboard, with each panel over {minutes} minutes">')
    print(f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#f4f5f8"/>')
    print(text(8, 28, dashboard["title"], "h") + text(1192, 28, f"the last {minutes} minutes", "n", "end"))
    for panel in dashboard["panels"]:
        print("\n".join(drawn(panel, prometheus, end - minutes * 60, end)))
    print("</svg>")


main()
