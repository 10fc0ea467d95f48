# SPDX-License-Identifier: MIT
"""What bench/compare prints: a table per scenario and one of the goals, in 110 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from figures import bytes_words, interval, number, ratio, significant
from goals import FIGURES, QUOIT, Goal, Outcome, Verdict, verdict_words
from measure import Scenario, troubles

WIDTH = 110

LEGEND = f"""\
CPU us         the server's CPU time per request, with its interval
{QUOIT}/it       {QUOIT}'s CPU time divided by this server's: below 1 {QUOIT} is cheaper
all us         busy time of all processors per request: server, client and kernel
p50 p99 p99.9  microseconds from request to answer, as wrk saw them
load           of their cores: the server's / wrk's
mem MB         resident in memory at most (VmHWM), all its processes
calls          system calls of the server per request, counted in a round apart"""


def heading(scenario: Scenario) -> str:
    rate = "MB/s" if scenario.by_bytes else "requests/s"
    return (
        f"{'server':<12}{'CPU us':>8}{'':>15}{QUOIT + '/it':>9}{'all us':>9}{rate:>11}"
        f"{'p50':>8}{'p99':>8}{'p99.9':>8}{'load':>9}{'mem MB':>7}{'calls':>6}"
    )


def microseconds(value: float | None, width: int) -> str:
    """Milliseconds and seconds where the digits would burst the column."""
    if value is not None and value >= 10e6:
        return f"{f'{value / 1e6:.0f} s':>{width}}"
    if value is not None and value >= 100e3:
        return f"{f'{value / 1e3:.0f} ms':>{width}}"
    return number(value, width, 0)


def row(scenario: Scenario, name: str, outcome: Outcome, ours: float | None) -> str:
    median = outcome.median()
    cost = interval([one.cpu_us for one in outcome.rounds])
    spread = f"{significant(cost.low, 0)}..{significant(cost.high, 0)}"
    rate = median.bytes_rate / 1e6 if scenario.by_bytes else median.rate
    load = f"{median.server_load * 100:.0f}/{median.client_load * 100:.0f}%"
    return (
        f"{name:<12}{significant(cost.median, 8)}{spread:>15}{significant(ratio(ours, cost.median), 9)}"
        f"{significant(median.machine_us, 9)}{number(rate, 11, 0)}"
        f"{microseconds(median.p50_us, 8)}{microseconds(median.p99_us, 8)}{microseconds(median.p999_us, 8)}"
        f"{load:>9}{median.peak_bytes / 1e6:>7.1f}{significant(outcome.syscalls, 6)}"
    )


def print_scenario(
    scenario: Scenario, outcomes: Mapping[str, Outcome], skipped: Mapping[str, str]
) -> None:
    title = f"{scenario.title}  [{scenario.name}]"
    print(f"\n{title}\n{'-' * len(title)}\n{heading(scenario)}")
    own = outcomes.get(QUOIT)
    ours = own.median().cpu_us if own and own.rounds else None
    for name, outcome in outcomes.items():
        if outcome.rounds:
            print(row(scenario, name, outcome, ours))
    print_extra(outcomes)
    print_troubles(outcomes)
    for name, outcome in outcomes.items():
        if outcome.failure:
            print_wrapped(f"  ! {name} failed: {' '.join(outcome.failure.split())}")
    for reason, names in by_text(skipped).items():
        print_wrapped(f"  - left out: {', '.join(names)}: {reason}")


def by_text(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Which servers the same is true of."""
    found: dict[str, list[str]] = {}
    for name, text in texts.items():
        found.setdefault(text, []).append(name)
    return found


def print_wrapped(line: str) -> None:
    wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent=" " * 4)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    print(wrapper.fill(line))


def print_troubles(outcomes: Mapping[str, Outcome]) -> None:
    """One line per trouble, with the servers whose figures it spoils."""
    found: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        for what, share in troubles(outcome.median()).items() if outcome.rounds else ():
            found.setdefault(what, []).append(f"{name} {share}".rstrip())
    for what, names in found.items():
        print_wrapped(f"  ! {what}: {', '.join(names)}")


def print_extra(outcomes: Mapping[str, Outcome]) -> None:
    """The figures of the clients that are not wrk."""
    if any("cold_ratio" in one.extra for outcome in outcomes.values() for one in outcome.rounds):
        print("  CPU us and all us are per hot request, and have the streams' share in them.")
    for name, outcome in outcomes.items():
        if not outcome.rounds:
            continue
        extra = outcome.median().extra
        if "idle_bytes" in extra:
            print(f"  {name:<12}{extra['idle_bytes']:>9,.0f} bytes of memory per idle connection")
        if "cold_ratio" in extra:
            alone, beside = extra["alone_p99_us"], outcome.median().p99_us
            print(
                f"  {name:<12}p99 alone {alone:,.0f} us, beside cold files {beside:,.0f} us:"
                f" {extra['cold_ratio']:.2f} times, {bytes_words(extra['cold_rate'])}/s of them streamed"
            )


def goal_bound(goal: Goal) -> str:
    bound = f"{'>=' if goal.at_least else '<='} {goal.limit:g}"
    return f"{bound} {goal.unit}" if goal.unit else bound


def goal_against(goal: Goal) -> str:
    if goal.base:
        return f"{QUOIT}, {goal.base}"
    return {"best": "best peer", None: ""}.get(goal.than, goal.than or "")


def print_goals(verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        return
    print("\nGoals\n-----")
    print(f"{'scenario':<10}{'figure of quoit':<31}{'against':<13}{'goal':<19}{'measured':>8}  verdict")
    for verdict in verdicts:
        goal, measured = verdict.goal, verdict.measured
        value = significant(measured.median if measured else None, 8)
        print(
            f"{goal.scenario:<10}{FIGURES[goal.figure]:<31}{goal_against(goal):<13}"
            f"{goal_bound(goal):<19}{value}  {verdict_words(verdict)}"
        )
    met = sum(verdict.is_met() for verdict in verdicts)
    missing = sum(verdict.measured is None for verdict in verdicts)
    print(f"\n{met} met, {len(verdicts) - met - missing} missed, {missing} not measured.", end=" ")
    print("User-space instructions per request: bench/instructions.")
