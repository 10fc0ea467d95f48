# SPDX-License-Identifier: MIT
"""Bars around 1.0 with interval whiskers, as HTML rows with one small inline SVG each.

Every position in the SVG is a percentage and every length on the other axis a pixel, so a row is as
wide as the page allows and its text stays text: a telephone shows the same chart, not a small one.
Nothing is told by colour alone: a decided bar is filled and has a triangle that points up (more) or
down (less), an undecided one is an outline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from lab_record import Ratio

ROW_HEIGHT = 30
BAR_HEIGHT = 12
BAR_TOP = (ROW_HEIGHT - BAR_HEIGHT) // 2
MIDDLE = ROW_HEIGHT // 2
AXIS_HEIGHT = 26
MARK_HEIGHT = 8  # of the end of a whisker

SPAN_LEAST = 0.06  # of the axis, to each side of 1.0: less would show noise as if it were something
SPAN_MOST = 0.75  # what is further away gets an arrow at the edge and its number
SPAN_SHARE = 0.9  # of the rows must fit; the few that are far away must not flatten all others
TICKS_MOST = 7


@dataclass(frozen=True)
class Row:
    name: str
    why: str  # shown where the pointer rests; may be empty
    ratio: Ratio | None
    group: str


@dataclass(frozen=True)
class Axis:
    """Ratios from `low` to `high` over the width."""

    low: float
    high: float

    def place(self, ratio: float) -> float:
        """In percent of the width, held inside."""
        inside = min(max(ratio, self.low), self.high)
        return (inside - self.low) / (self.high - self.low) * 100

    def ticks(self) -> list[float]:
        width = self.high - self.low
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if width / step < TICKS_MOST)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 4) for index in range(first, last + 1)]


def choose_axis(ratios: Sequence[Ratio]) -> Axis:
    """As far to each side of 1.0 as nearly all intervals reach."""
    return Axis(1 - reach([1 - one.low for one in ratios]), 1 + reach([one.high - 1 for one in ratios]))


def reach(distances: Sequence[float]) -> float:
    ordered = sorted(distances)
    far = ordered[min(int(len(ordered) * SPAN_SHARE), len(ordered) - 1)] if ordered else 0
    return min(max(far * 1.08, SPAN_LEAST), SPAN_MOST)


GLYPHS = {"less": "▼", "more": "▲", "open": "○"}


def draw_row(row: Row, axis: Axis, tone: Mapping[str, str], grid: str) -> str:
    """One <li>: name, bar, value. `tone` is the class for less, more and open; `grid` the lines' id."""
    why = f' title="{escape(row.why, quote=True)}"' if row.why else ""
    name = f'<span class="name"{why}>{code(row.name)}</span>'
    if row.ratio is None:
        return f'<li>{name}<span class="value none">not measured</span></li>'
    state = row.ratio.verdict
    value = (
        f'<span class="value {tone[state]}"><b>{GLYPHS[state]} {row.ratio.median:.3f}</b> '
        f"<small>{row.ratio.low:.3f}–{row.ratio.high:.3f}</small></span>"
    )
    return f"<li>{name}{draw_bar(row.ratio, axis, tone[state], grid)}{value}</li>"


def draw_bar(ratio: Ratio, axis: Axis, tone: str, grid: str) -> str:
    one, at = axis.place(1), axis.place(ratio.median)
    left, width = min(one, at), abs(at - one)
    place = f'x="{left:.1f}%" width="{width:.1f}%" y="{BAR_TOP}" height="{BAR_HEIGHT}"'
    bar = f'<rect class="bar {tone}" {place}/>'
    whisker = horizontal(axis.place(ratio.low), axis.place(ratio.high))
    for value in (ratio.low, ratio.high):
        if axis.low <= value <= axis.high:
            whisker += vertical(axis.place(value), MIDDLE - MARK_HEIGHT // 2, MIDDLE + MARK_HEIGHT // 2)
    return (
        f'<svg aria-hidden="true" height="{ROW_HEIGHT}"><use href="#{grid}"/>{bar}'
        f'<g class="whisker">{whisker}</g>{draw_end(ratio, axis)}</svg>'
    )


def horizontal(left: float, right: float) -> str:
    return f'<line x1="{left:.1f}%" x2="{right:.1f}%" y1="{MIDDLE}" y2="{MIDDLE}"/>'


def vertical(place: float, top: int, bottom: int, kind: str = "") -> str:
    name = f'class="{kind}" ' if kind else ""
    return f'<line {name}x1="{place:.1f}%" x2="{place:.1f}%" y1="{top}" y2="{bottom}"/>'


def draw_grid(axis: Axis, top: int, bottom: int) -> str:
    kinds = {1.0: "one"}
    return "".join(vertical(axis.place(tick), top, bottom, kinds.get(tick, "grid")) for tick in axis.ticks())


def draw_end(ratio: Ratio, axis: Axis) -> str:
    """Where the bar goes on beyond the edge; within, a dot on the median."""
    if axis.low <= ratio.median <= axis.high:
        return f'<circle class="dot" cx="{axis.place(ratio.median):.1f}%" cy="{MIDDLE}" r="2"/>'
    sign, x, anchor = ("»", "100%", "end") if ratio.median > axis.high else ("«", "0%", "start")
    return f'<text class="beyond" x="{x}" y="{MIDDLE + 5}" text-anchor="{anchor}">{sign}</text>'


def draw_axis(axis: Axis, grid: str) -> str:
    """The numbers, and under the id `grid` the lines that all rows use."""
    marks = draw_grid(axis, AXIS_HEIGHT - 6, AXIS_HEIGHT)
    for tick in axis.ticks():
        place = axis.place(tick)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        marks += (
            f'<text{" class=one" if tick == 1 else ""} x="{place:.1f}%" y="{AXIS_HEIGHT - 11}"'
            f' text-anchor="{anchor}">{tick:.2f}</text>'
        )
    lines = f'<defs><g id="{grid}">{draw_grid(axis, 0, ROW_HEIGHT)}</g></defs>'
    return f'<li class="axis" aria-hidden="true"><svg height="{AXIS_HEIGHT}">{lines}{marks}</svg></li>'


def draw_chart(rows: Sequence[Row], tone: Mapping[str, str], caption: str, name: str) -> str:
    """A <figure>; rows of one group stand together under its name. `name` is unique on the page."""
    axis, grid = choose_axis([row.ratio for row in rows if row.ratio]), f"grid-{escape(name)}"
    parts, group = [draw_axis(axis, grid)], None
    for row in rows:
        if row.group != group:
            group = row.group
            parts.append(f'<li class="group">{escape(group)}</li>')
        parts.append(draw_row(row, axis, tone, grid))
    bars = "\n".join(parts)
    return f'<figure class="chart"><figcaption>{escape(caption)}</figcaption>\n<ul>\n{bars}\n</ul></figure>'


def code(name: str) -> str:
    """A variant's name, which may break behind each comma, and where that is not enough before a value."""
    if "=" not in name:
        return escape(name)
    return "<code>" + escape(name).replace(",", ",<wbr>").replace("=", "=<wbr>") + "</code>"
