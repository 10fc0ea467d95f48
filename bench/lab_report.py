# SPDX-License-Identifier: MIT
"""The lab's report: one HTML file made of a record (lab_record.py), without scripts or links to elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from common import BENCH
from lab_chart import GLYPHS, Row, code, draw_chart
from lab_record import METRICS, Ratio, ratio_of
from lab_switches import KINDS

TITLE = "What io_uring’s features buy"

LESS_IS_GOOD = {"less": "good", "more": "bad", "open": "open"}
MORE_IS_GOOD = {"less": "bad", "more": "good", "open": "open"}

# The first one's chart stands open, the others are folded away.
MAIN_METRIC, *FOLDED_METRICS = METRICS

INSTRUCTIONS = "instructions"

# Columns of tables: title, a second line, key in a variant's medians.
COUNTED = (
    ("system calls", "per request", "syscalls"),
    ("enters", "per request", "enters"),
    ("other calls", "per request", "calls"),
    ("requests", "per enter", "requests_per_enter"),
    ("submissions", "per enter", "submissions_per_enter"),
    ("completions", "per enter", "completions_per_enter"),
    ("switches", "per request", "switches"),
    ("receives armed", "per request", "recv_rearms"),
    ("no buffer", "per request", "buffers_exhausted"),
    ("sends not whole", "per request", "sends_short"),
    ("overflows", "per request", "overflows"),
)
FIGURES = (
    ("server CPU", "µs per request", "cpu_us"),
    ("machine CPU", "µs per request", "machine_us"),
    ("requests", "per second", "rate"),
    ("median", "µs", "p50_us"),
    ("99th percentile", "µs", "p99_us"),
    ("server’s core", "busy", "server_load"),
    ("client’s core", "busy", "client_load"),
)

READING = """
<ul>
<li><b aria-hidden="true">1</b>Each row is the default with something changed. The bar is a ratio to the
default, which ran beside it in the same round: 1.10 is ten percent more.</li>
<li><b class="bad" aria-hidden="true">▲</b>Dearer than the default: what the row takes away pays, or what it
adds costs.</li>
<li><b class="good" aria-hidden="true">▼</b>Cheaper than the default: here, on this machine, the default is
not the best.</li>
<li><b class="open" aria-hidden="true">○</b>Undecided: the interval holds 1. There may be a difference, but
these rounds do not show it. Of many rows a few are called decided by chance; the row “default, again” is
the default against itself and shows what chance does.</li>
</ul>
<p>The thin line is the interval in which the median lies. “Server CPU” is the kernel’s account of all the
server’s threads, so the work of TCP done on its behalf is in it. “Machine CPU” is the busy time of all
processors: a feature that moves work to another thread or to interrupts shows there.</p>
"""


def report(record: dict) -> str:
    scenarios = record["scenarios"]
    body = [
        header(record),
        "<main>",
        f'<section class="read"><h2>How to read this</h2>{READING}</section>',
        glance(scenarios) if len(scenarios) > 1 else "",
        *(scenario_section(one, record["instructions"]) for one in scenarios),
        switches_section(record["switches"]),
        skipped_section(record["skipped"]),
        machine_section(record),
        "</main>",
        f"<footer>Made by <code>{escape(record['command'])}</code>. Figures of one run compare with each "
        "other, not with those of another day.</footer>",
    ]
    style = (BENCH / "lab_report.css").read_text()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def header(record: dict) -> str:
    machine = record["machine"]
    places = [(one["name"], one["title"]) for one in record["scenarios"]] + [("machine", "The machine")]
    links = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in places)
    what = escape(f"quoit on Linux {machine['kernel']}, {machine['processor']}.")
    return (
        f'<header><h1>{TITLE}</h1><p class="lead">{what} One server thread on one core, its clients on '
        f'another, over loopback.</p><nav aria-label="Contents"><ul>{links}</ul></nav></header>'
    )


# ---------------------------------------------------------------- pieces


def section(name: str, title: str, inside: str) -> str:
    return f'<section id="{escape(name)}"><h2>{escape(title)}</h2>\n{inside}</section>'


def folded(title: str, inside: str, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{inside}</details>\n"


def table(label: str, heads: Sequence[str], body: str, kind: str = "", caption: str = "") -> str:
    """In a region that scrolls by itself: a page must not move sideways. `heads` and `body` are HTML."""
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    top = f"<caption>{escape(caption)}</caption>" if caption else ""
    region = f'<div class="wide {kind}" tabindex="0" role="region" aria-label="{escape(label, quote=True)}">'
    return f"{region}<table>{top}<thead><tr>{cells}</tr></thead>\n{body}</table></div>"


def row(head: str, cells: str, kind: str = "") -> str:
    opening = f'<tr class="{kind}">' if kind else "<tr>"
    return f'{opening}<th scope="row">{head}</th>{cells}</tr>\n'


def plain(value: float | None) -> str:
    """Three figures, or all before the point."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if value < 0.0005:
        return "&lt;0.001"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---------------------------------------------------------------- at a glance


def glance(scenarios: Sequence[dict]) -> str:
    first, second = ("cpu_us", "machine_us")
    return section(
        "glance",
        "At a glance",
        f"<p>{capital(METRICS[first][0])}, as a ratio to the default.</p>{glance_table(scenarios, first)}"
        + folded(f"The same of {METRICS[second][0]}", glance_table(scenarios, second)),
    )


def glance_table(scenarios: Sequence[dict], metric: str) -> str:
    """Every variant in every scenario."""
    rows: dict[str, dict[str, dict[str, Ratio | None]]] = {}
    for scenario in scenarios:
        for variant in scenario["variants"][1:]:
            of_kind = rows.setdefault(variant["kind"], {})
            of_kind.setdefault(variant["name"], {})[scenario["name"]] = ratio_of(variant, metric)
    body = ""
    for kind, of_kind in rows.items():
        title = f'<th scope="rowgroup" colspan="{len(scenarios) + 1}">{escape(KINDS[kind])}</th>'
        body += f'<tbody><tr class="group">{title}</tr>\n'
        for name, cells in of_kind.items():
            values = "".join(glance_cell(cells.get(scenario["name"])) for scenario in scenarios)
            body += row(code(name), values)
        body += "</tbody>\n"
    heads = ["variant", *(escape(scenario["title"]) for scenario in scenarios)]
    return table(f"{METRICS[metric][0]}: all variants, all scenarios", heads, body, "glance")


def glance_cell(ratio: Ratio | None) -> str:
    if ratio is None:
        return '<td class="none">–</td>'
    return f'<td class="{LESS_IS_GOOD[ratio.verdict]}">{GLYPHS[ratio.verdict]} {ratio.median:.2f}</td>'


# ---------------------------------------------------------------- one scenario


def scenario_section(scenario: dict, instructions: dict[str, float]) -> str:
    charts = [
        folded(capital(METRICS[metric][0]), chart(scenario, metric))
        for metric in FOLDED_METRICS
        if any(metric in variant["ratios"] for variant in scenario["variants"])
    ]
    notes = "".join(f"<p>{escape(capital(note))}.</p>" for note in scenario["notes"])
    inside = [
        f"<p>{summary(scenario)}</p>",
        notes,
        chart(scenario, MAIN_METRIC),
        *charts,
        folded("Figures", figures_table(scenario)),
        folded("What was counted", counted_table(scenario, instructions), is_open=True),
    ]
    return section(scenario["name"], scenario["title"], "\n".join(inside))


def summary(scenario: dict) -> str:
    """How many are cheaper and dearer, and how far chance goes."""
    states = {"less": 0, "more": 0, "open": 0}
    control = ""
    for variant in scenario["variants"][1:]:
        ratio = ratio_of(variant, MAIN_METRIC)
        if variant["kind"] == "control" and ratio:
            words = f"{ratio.median:.3f} ({ratio.low:.3f}–{ratio.high:.3f})"
            control = f" The default against itself: {words}."
        elif ratio:
            states[ratio.verdict] += 1
    default = scenario["variants"][0]["medians"]
    return (
        f"Rounds: {scenario['rounds']} of {scenario['seconds']} s. The default costs "
        f"{default['cpu_us']:.2f} µs of server CPU per request. Of {sum(states.values())} variants "
        f"{states['less']} are cheaper, {states['more']} dearer, {states['open']} undecided.{control}"
    )


def chart(scenario: dict, metric: str) -> str:
    title, _, less_is_good = METRICS[metric]
    has_why = metric == MAIN_METRIC  # once is enough, in a page with some thousand rows
    rows = [
        Row(one["name"], one["why"] if has_why else "", ratio_of(one, metric), KINDS[one["kind"]])
        for one in scenario["variants"][1:]
    ]
    better = "less" if less_is_good else "more"
    caption = f"{capital(title)}, ratio to the default; {better} is better; {scenario['intervals']}"
    tone = LESS_IS_GOOD if less_is_good else MORE_IS_GOOD
    return draw_chart(rows, tone, caption, f"{scenario['name']}-{metric}")


def figures_table(scenario: dict) -> str:
    def cell(variant: dict, key: str) -> str:
        value = variant["medians"].get(key)
        if value is not None and key.endswith("_load"):
            return f"{value:.0%}"
        return plain(value)

    return variants_table(scenario, FIGURES, cell, "Medians of all rounds.")


def counted_table(scenario: dict, instructions: dict[str, float]) -> str:
    def cell(variant: dict, key: str) -> str:
        found = instructions if key == INSTRUCTIONS else variant["medians"]
        return plain(found.get(variant["name"] if key == INSTRUCTIONS else key))

    def is_used(key: str) -> bool:
        return any(variant["medians"].get(key) for variant in scenario["variants"])

    columns = tuple(column for column in COUNTED if is_used(column[2]))
    caption = "Medians, from the server’s own counters and getrusage(2)."
    if instructions:
        columns += (("instructions", "per request", INSTRUCTIONS),)
        caption += " Instructions: in user space, one connection, counted by callgrind."
    return variants_table(scenario, columns, cell, caption)


def variants_table(
    scenario: dict, columns: Sequence[tuple[str, str, str]], cell: Callable[[dict, str], str], caption: str
) -> str:
    heads = ["variant", *(f"{escape(title)}<small>{escape(unit)}</small>" for title, unit, _ in columns)]
    body = ""
    for variant in scenario["variants"]:
        cells = "".join(f"<td>{cell(variant, key)}</td>" for _, _, key in columns)
        body += row(code(variant["name"]), cells, "first" if variant["kind"] == "default" else "")
    label = f"{scenario['title']}: {caption}"
    return table(label, heads, f"<tbody>{body}</tbody>", caption=caption)


# ---------------------------------------------------------------- what it was


def switches_section(switches: Sequence[dict]) -> str:
    body = "".join(
        row(
            f"<code>{escape(one['name'])}</code>",
            f"<td>{escape(one['default'])}</td><td>{escape(one['since']) or '–'}</td>"
            f"<td>{escape(one['sentence'])}</td>",
        )
        for one in switches
    )
    heads = ("switch", "default", "since Linux", "what it does")
    title = "The switches"
    return section("switches", title, table(title, heads, f"<tbody>{body}</tbody>", "prose"))


def skipped_section(skipped: Sequence[dict]) -> str:
    if not skipped:
        return ""
    items: dict[tuple[str, str], list[str]] = {}
    for one in skipped:
        items.setdefault((one["variant"], one["sentence"]), []).append(one["scenario"])
    rows = "".join(
        f"<dt>{code(variant)}</dt><dd>{escape(sentence)} <small>({escape(', '.join(where))})</small></dd>\n"
        for (variant, sentence), where in items.items()
    )
    inside = f"<p>What this kernel lacks, or what failed.</p><dl>{rows}</dl>"
    return section("skipped", "Not measured", inside)


def machine_section(record: dict) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in machine_rows(record) if value
    )
    return section("machine", "The machine", f"<dl>{rows}</dl>")


def machine_rows(record: dict) -> list[tuple[str, str]]:
    machine = record["machine"]
    mitigations = "; ".join(f"{name}: {state}" for name, state in machine["mitigations"].items())
    return [
        ("Kernel", f"Linux {machine['kernel']}, {machine['architecture']}"),
        ("Processor", f"{machine['processor']}, {machine['processors']} of them"),
        ("Memory", f"{machine['memory_bytes'] / 2**30:.0f} GiB"),
        ("Virtual machine", str(machine["virtualisation"] or "no")),
        ("Governor", str(machine["governor"] or "unknown")),
        ("Mitigations", mitigations or "none needed"),
        ("Congestion control", str(machine["congestion_control"] or "unknown")),
        ("Cores", f"server on {machine['server_core']}, clients on {machine['client_core']}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items())),
        ("Commit", str(machine["commit"] or "unknown")),
        ("Date", record["date"]),
        ("Command", record["command"]),
    ]
