# SPDX-License-Identifier: MIT
"""How each server is started that quoit is compared with: those of Debian 12, and the floors.

A peer is configured for its best; servers/NAME.conf.in holds the configuration, with the reason of
each setting. All are one thread, or the nearest they have to it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common import BENCH, BenchError, Server, find_tool, free_port, running, wait_for

CONNECTIONS = 16384  # that a peer must be able to hold: one scenario has 10,064
DESCRIPTORS = 40000  # for those, and for the files they are sent from; less where the limit is lower

# Apache works on a request by a thread, and when none is free for the next it closes connections that
# wait between two requests: as many threads as connections ask at the same time, and a few.
APACHE_SPARE_THREADS = 16

# Apache sends a mapped file by a copy and others by sendfile, after opening them.
APACHE_MAPPED_MAX = 131072


@dataclass(frozen=True)
class Peer:
    """A server that is not quoit, and how it is started with its configuration."""

    name: str
    program: str
    version: tuple[str, ...]  # arguments that make it print its version
    arguments: tuple[str, ...]  # @CONFIGURATION@ and @DIRECTORY@ are filled in
    modules: str = ""  # where Debian keeps its loadable modules
    module: tuple[str, str] = ("", "")  # one that is not in the server's own package, and its package
    descriptors: int = 1  # that it wants to have for each connection
    environment: dict[str, str] = field(default_factory=dict)


NGINX = Peer(
    "nginx",
    "nginx",
    ("-v",),
    ("-p", "@DIRECTORY@", "-c", "@CONFIGURATION@", "-e", "stderr"),
    modules="/usr/lib/nginx/modules",
    module=("ngx_http_brotli_static_module.so", "libnginx-mod-http-brotli-static"),
)
PEERS = (
    NGINX,
    Peer("h2o", "h2o", ("--version",), ("-c", "@CONFIGURATION@")),
    Peer(
        "lighttpd",
        "lighttpd",
        ("-v",),
        ("-D", "-f", "@CONFIGURATION@"),
        modules="/usr/lib/lighttpd",
        module=("mod_deflate.so", "lighttpd-mod-deflate"),
        descriptors=2,
    ),
    Peer(
        "apache",
        "apache2",
        ("-v",),
        ("-DFOREGROUND", "-f", "@CONFIGURATION@"),
        modules="/usr/lib/apache2/modules",
    ),
    Peer(
        "caddy",
        "caddy",
        ("version",),
        ("run", "--config", "@CONFIGURATION@", "--adapter", "caddyfile"),
        environment={"GOMAXPROCS": "1", "HOME": "@DIRECTORY@", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""},
    ),
)

FLOOR_BODY_MAX = 65536  # the floors keep nothing to send later: an answer must fit into a socket


@dataclass(frozen=True)
class Floor:
    """A responder with no HTTP in it: the lower limit for a server on that interface of the kernel."""

    name: str
    program: str
    banner: str
    arguments: tuple[str, ...] = ()


FLOORS = (
    Floor("floor-uring", "floor-uring", "a fixed answer to every blank line, io_uring"),
    Floor("floor-epoll", "floor-epoll", "a fixed answer to every blank line, epoll"),
)
# Only where requests are pipelined: elsewhere it does what floor-uring does.
FLOOR_SINGLE = Floor("floor-single", "floor-uring", "as floor-uring, one send per answer", ("--per-answer",))


def fill_in(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def mapped_files(root: Path) -> str:
    """Apache's mod_file_cache wants to be told every file."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return "".join(f'MMapFile "{path}"\n' for path in files if path.stat().st_size <= APACHE_MAPPED_MAX)


def configuration_values(peer: Peer, root: Path, directory: Path, port: int, active: int) -> dict[str, str]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "MAPPED_FILES": mapped_files(root) if peer.name == "apache" else "",
        "CONFIGURATION": str(directory / f"{peer.name}.conf"),
        "CONNECTIONS": str(CONNECTIONS),
        "DESCRIPTORS": str(min(DESCRIPTORS, hard)),
        "DIRECTORY": str(directory),
        "MODULES": peer.modules,
        "PORT": str(port),
        "ROOT": str(root),
        "THREADS": str(active + APACHE_SPARE_THREADS),
        "USER": pwd.getpwuid(os.geteuid()).pw_name,
    }


def check_module(peer: Peer) -> None:
    file, package = peer.module
    if file and not (Path(peer.modules) / file).exists():
        raise BenchError(f"{peer.name} lacks {file}: apt install {package}")


def accepts(port: int) -> Callable[[], bool]:
    def connects() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return connects


def version_line(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().partition("\n")[0]


@contextlib.contextmanager
def running_peer(
    peer: Peer, root: Path, directory: Path, prefix: Sequence[str] = (), active: int = 64
) -> Iterator[Server]:
    """`directory`/NAME takes everything that the server writes. `active` connections ask at a time."""
    program = find_tool(peer.program)
    check_module(peer)
    home, port = directory / peer.name, free_port()
    home.mkdir(exist_ok=True)
    home.chmod(0o777)  # those that drop root for another user write there too
    values = configuration_values(peer, root, home, port, active)
    template = (BENCH / "servers" / f"{peer.name}.conf.in").read_text()
    Path(values["CONFIGURATION"]).write_text(fill_in(template, values))
    banner = version_line([program, *peer.version])
    command = [*prefix, program, *(fill_in(text, values) for text in peer.arguments)]
    environment = {name: fill_in(text, values) for name, text in peer.environment.items()}
    log = directory / f"{peer.name}.log"
    with running(command, log, environment) as process:
        wait_for(process, log, peer.name, accepts(port))
        yield Server(peer.name, port, process, log, banner)


@contextlib.contextmanager
def running_floor(
    floor: Floor, build: Path, body_bytes: int, directory: Path, prefix: Sequence[str] = ()
) -> Iterator[Server]:
    """The floors are built with quoit, into `build`/bench."""
    program, log = build / "bench" / floor.program, directory / f"{floor.name}.log"
    if not program.exists():
        raise BenchError(f"there is no {program}: meson compile -C {build}")
    command = [*prefix, str(program), "--body", str(body_bytes), *floor.arguments]
    with running(command, log) as process:

        def listens() -> re.Match[str] | None:
            return re.search(r"^http://127\.0\.0\.1:(\d+)$", log.read_text(errors="replace"), re.M)

        match = wait_for(process, log, floor.name, listens)
        yield Server(floor.name, int(match[1]), process, log, f"{floor.name}: {floor.banner}")
