# SPDX-License-Identifier: MIT
"""What bench/lab prints: the list of what there is, and a table per scenario, of at most 150 columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from figures import number
from lab_chart import GLYPHS
from lab_record import ratio_of
from lab_switches import DEFAULT, Switch, variants
from measure import Scenario

NAME_WIDTH = 44

HEADING = (
    f"  {'':<{NAME_WIDTH}}{'server CPU/request, to default':>32}{'machine':>9}{'rate':>8}{'p99':>8}"
    f"{'calls/req':>11}{'switches/req':>14}"
)


def print_list(switches: dict[str, Switch], scenarios: Sequence[Scenario], usual: Sequence[str]) -> None:
    print("switches: name, default, since which kernel, and what it does")
    for switch in switches.values():
        print(f"  {switch.name:<18}{switch.default:<11}{switch.since or 'any':<7}{switch.sentence}")
    print("\nvariants; those of several switches only without --quick")
    for variant in variants(switches, with_pairs=True):
        print(f"  {variant.name:<{NAME_WIDTH}}{'' if variant.kind == 'switch' else variant.why}".rstrip())
    print("\nscenarios; those without a star only when asked for")
    for scenario in scenarios:
        print(f"  {'*' if scenario.name in usual else ' '} {scenario.name:<12}{scenario.title}")


def print_scenario(scenario: dict) -> None:
    default = scenario["variants"][0]["medians"]
    print(f"\n{scenario['title']}; rounds: {scenario['rounds']} of {scenario['seconds']} s")
    print(
        f"default: {default['cpu_us']:.2f} us of server CPU per request, {default['machine_us']:.2f} of the"
        f" machine, {default['rate']:,.0f} requests/s"
    )
    print(HEADING)
    for variant in scenario["variants"][1:]:
        print_variant(variant)
    print(f"  {scenario['intervals']}; calls: system calls")
    for note in scenario["notes"]:
        print(f"  ! {note}")
    sys.stdout.flush()


def print_variant(variant: dict) -> None:
    ratio = ratio_of(variant, "cpu_us")
    words = "-"
    if ratio:
        words = f"{GLYPHS[ratio.verdict]} {ratio.median:.3f} ({ratio.low:.3f}..{ratio.high:.3f})"
    others = [ratio_of(variant, metric) for metric in ("machine_us", "rate", "p99_us")]
    machine, rate, p99 = (one.median if one else None for one in others)
    medians = variant["medians"]
    print(
        f"  {variant['name'][:NAME_WIDTH]:<{NAME_WIDTH}}{words:>32}{number(machine, 9, 3)}"
        f"{number(rate, 8, 3)}{number(p99, 8, 3)}{number(medians.get('syscalls'), 11, 3)}"
        f"{number(medians.get('switches'), 14, 3)}"
    )


def print_instructions(counted: dict[str, float]) -> None:
    default = counted.get(DEFAULT.name)
    print("\nuser-space instructions per cached 1 KiB GET, one connection; ratio to the default")
    for name, value in counted.items():
        ratio = value / default if default else None
        print(f"  {name[:NAME_WIDTH]:<{NAME_WIDTH}}{value:>8,.0f}{number(ratio, 8, 3)}")


def print_skipped(skipped: Sequence[dict]) -> None:
    if skipped:
        print("\nnot measured")
    for one in skipped:
        print(f"  {one['variant']} ({one['scenario']}): {one['sentence']}")
