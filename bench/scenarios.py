# SPDX-License-Identifier: MIT
"""What bench/compare measures, and the site that all servers serve."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from common import REPOSITORY, BenchError, find_tool, make_site
from measure import Scenario

MIB = 1024 * 1024
RANGE_FILE = "range.html"  # a name of its own, because nginx needs another setting than for 100k.html
RANGE_BYTES = 100 * 1024
BIG_FILE = "100m.bin"
BIG_BYTES = 100 * MIB
COLD_FILES = 16
COLD_BYTES = 32 * MIB
IDLE_CONNECTIONS = 10000
SITE_FOLDER = "site"

# A site of twenty files with brotli siblings, if it lies beside the checkout; else a twin is made.
SITE_GIVEN = REPOSITORY.parent / "shared" / "httparena" / "static"

# Names, sizes, and what share of a file its brotli sibling has; 0: none, since it is compressed already.
TWIN = {
    "analytics.js": (12288, 0.32),
    "app.js": (204800, 0.23),
    "bold.woff2": (22528, 0),
    "components.css": (204800, 0.16),
    "footer.html": (56320, 0.12),
    "header.html": (122880, 0.08),
    "helpers.js": (22528, 0.29),
    "hero.webp": (46080, 0),
    "icon-sprite.svg": (71680, 0.16),
    "layout.css": (25600, 0.22),
    "logo.svg": (15344, 0.20),
    "manifest.json": (2883, 0.25),
    "regular.woff2": (18432, 0),
    "reset.css": (8192, 0.30),
    "router.js": (35840, 0.27),
    "theme.css": (18432, 0.25),
    "thumb1.webp": (8192, 0),
    "thumb2.webp": (6144, 0),
    "utilities.css": (61440, 0.19),
    "vendor.js": (307200, 0.22),
}
SITE_PATHS = tuple(f"{SITE_FOLDER}/{name}" for name in sorted(TWIN))

SCENARIOS = (
    Scenario("1k-1", "1 KiB, 1 connection", connections=1),
    Scenario("1k-16", "1 KiB, 16 connections", connections=16),
    Scenario("1k-64", "1 KiB, 64 connections"),
    Scenario("1k-512", "1 KiB, 512 connections", connections=512),
    Scenario("1k-4096", "1 KiB, 4,096 connections", connections=4096, stretch=3),
    Scenario("pipelined", "1 KiB, 64 connections, pipelined 16 deep", depth=16),
    Scenario("reconnect", "1 KiB, a connection for each request, 64 at a time", reconnect=True),
    Scenario("10k", "10 KiB, 64 connections", path="10k.html"),
    Scenario("100k", "100 KiB, 32 connections", path="100k.html", connections=32),
    Scenario("1m", "1 MiB, 32 connections", path="1m.html", connections=32, by_bytes=MIB),
    Scenario("100m", "100 MiB, 8 connections", path=BIG_FILE, connections=8, by_bytes=BIG_BYTES, stretch=2),
    Scenario("404", "404, 64 connections", path="nothing/here.html", status=404),
    Scenario("304", "304 to If-None-Match, 64 connections", revalidate=True, status=304, length=0),
    Scenario(
        "range",
        "206, 1 KiB out of 100 KiB, 64 connections",
        path=RANGE_FILE,
        headers=("Range: bytes=1000-2023",),
        status=206,
        length=1024,
        offset=1000,
    ),
    Scenario(
        "site",
        "20 files in turn with Accept-Encoding: br, 64 connections",
        paths=SITE_PATHS,
        headers=("Accept-Encoding: br",),
        coding="br",
    ),
    Scenario("idle", f"1 KiB, 64 connections beside {IDLE_CONNECTIONS:,} idle ones", client="idle"),
    Scenario(
        "cold",
        f"1 KiB, 64 connections, beside {COLD_FILES} clients that stream files not in memory",
        client="cold",
    ),
)


# ---------------------------------------------------------------- the site


def write_random(path: Path, size: int) -> None:
    """Bytes that nobody can compress or guess, written to the disk: dirty pages cannot be evicted."""
    block = random.Random(path.name).randbytes(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)


def words(generator: random.Random, size: int, share: float) -> bytes:
    """Text of which brotli leaves about `share`: random characters, and repetitions of them."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789 {};:.-_()\n"
    fresh = max(64, int(size * share * 8 / 5.6))  # a character of that alphabet holds 5.6 bits
    text = "".join(generator.choices(alphabet, k=fresh))
    return (text * (size // len(text) + 1))[:size].encode()


def make_twin(folder: Path) -> None:
    brotli = find_tool("brotli")
    folder.mkdir()
    for name, (size, share) in TWIN.items():
        generator = random.Random(name)
        path = folder / name
        path.write_bytes(words(generator, size, share) if share else generator.randbytes(size))
        if share:
            subprocess.run([brotli, "--quality=11", "--keep", str(path)], check=True)


def copy_given(folder: Path) -> None:
    """Without the .gz siblings, for which nobody asks; files of a server's own, readable by all."""
    folder.mkdir()
    for name in TWIN:
        for path in (SITE_GIVEN / name, SITE_GIVEN / f"{name}.br"):
            if path.exists():
                (folder / path.name).write_bytes(path.read_bytes())


def site_source() -> str:
    return f"{SITE_GIVEN}" if SITE_GIVEN.is_dir() else "generated"


def make_whole_site(root: Path, scenarios: Sequence[Scenario]) -> None:
    """Everything that the scenarios ask for, and nothing that would only take time and space."""
    make_site(root)
    (root / RANGE_FILE).write_bytes(random.Random(RANGE_FILE).randbytes(RANGE_BYTES))
    names = {scenario.name for scenario in scenarios}
    clients = {scenario.client for scenario in scenarios}
    need = ("100m" in names) * BIG_BYTES + ("cold" in clients) * COLD_FILES * COLD_BYTES
    free = shutil.disk_usage(root).free
    if free < need + 64 * MIB:
        text = f"{root} needs {need // MIB} MiB, {free // MIB} are free: set TMPDIR to another place"
        raise BenchError(text)
    if "100m" in names:
        write_random(root / BIG_FILE, BIG_BYTES)
    if "cold" in clients:
        (root / "cold").mkdir()
        for path in cold_files(root):
            write_random(path, COLD_BYTES)
    if "site" in names:
        folder = root / SITE_FOLDER
        copy_given(folder) if SITE_GIVEN.is_dir() else make_twin(folder)


def cold_files(root: Path) -> list[Path]:
    return [root / "cold" / f"{index}.bin" for index in range(COLD_FILES)]


def mean_length(scenario: Scenario, root: Path) -> int:
    """Bytes of body that an answer has on average: what a floor answers in its place."""
    if scenario.length is not None:
        return scenario.length
    lengths = []
    for name in scenario.paths or (scenario.path,):
        coded = root / f"{name}.{scenario.coding}"
        path = coded if scenario.coding and coded.exists() else root / name
        lengths.append(path.stat().st_size if path.exists() else 0)
    return sum(lengths) // len(lengths)
