#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Be a client on a slow network: the last part of its handshake arrives when the server drains already.

    unshare -rn tests/life/handshake.py BINARY ROOT

In a network namespace of its own this process is the other end of a TUN device, so it writes each TCP segment
itself. `drain` runs it. Exit code 0 when every promise was kept, else the last line says which was not.
"""
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x891C, 0x8914, 1
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def open_tun() -> int:
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", b"t0", IFF_TUN | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, address in ((SIOCSIFADDR, SERVER), (SIOCSIFNETMASK, "255.255.255.0")):
            fcntl.ioctl(control, request, struct.pack("16sHH4s8x", b"t0", socket.AF_INET, 0, socket.inet_aton(address)))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"t0", IFF_UP))
    return tun


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Peer:
    """One connection, segment by segment."""

    def __init__(self, tun: int, port: int, own_port: int) -> None:
        self.tun, self.port, self.own_port = tun, port, own_port
        self.sequence, self.acknowledged = 1000, 0

    def send(self, flags: int, data: bytes = b"") -> None:
        tcp = struct.pack("!HHIIBBHHH", self.own_port, self.port, self.sequence, self.acknowledged, 5 << 4, flags, 65535, 0, 0)
        pseudo = socket.inet_aton(CLIENT) + socket.inet_aton(SERVER) + struct.pack("!BBH", 0, 6, len(tcp) + len(data))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp + data)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp) + len(data), 0, 0, 64, 6, 0, socket.inet_aton(CLIENT),
                         socket.inet_aton(SERVER))
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        os.write(self.tun, ip + tcp + data)
        self.sequence += len(data) + bool(flags & (SYN | FIN))

    def receive(self, seconds: float) -> tuple[int, bytes] | None:
        """The next segment for this connection: flags and data, acknowledged with the next one sent."""
        end = time.monotonic() + seconds
        while select.select([self.tun], [], [], max(0, end - time.monotonic()))[0]:
            packet = os.read(self.tun, 65536)
            if packet[0] >> 4 != 4 or packet[9] != 6:
                continue
            tcp = packet[(packet[0] & 15) * 4:]
            if struct.unpack("!HH", tcp[:4]) != (self.port, self.own_port):
                continue
            data = tcp[(tcp[12] >> 4) * 4:]
            self.acknowledged = struct.unpack("!I", tcp[4:8])[0] + len(data) + bool(tcp[13] & (SYN | FIN))
            return tcp[13], data
        return None


def require(kept: object, promise: str) -> None:
    if not kept:
        sys.exit(f"not so: {promise}")


def half_open(tun: int, port: int, own_port: int) -> Peer:
    peer = Peer(tun, port, own_port)
    peer.send(SYN)
    answer = peer.receive(5)
    require(answer and answer[0] & (SYN | ACK) == SYN | ACK, "a handshake begins")
    return peer


def answer_of(peer: Peer) -> bytes:
    """All that comes until the end or a reset."""
    data = b""
    while segment := peer.receive(5):
        flags, piece = segment
        require(not flags & RST, f"nobody is reset ({len(data)} bytes had come)")
        data += piece
        peer.send(ACK)
        if flags & FIN:
            peer.send(FIN | ACK)
            return data
    sys.exit(f"not so: the connection ends, after {data!r}")


def main() -> None:
    binary, root = sys.argv[1:3]
    tun = open_tun()
    server = subprocess.Popen([binary, "serve", root, "--listen", f"{SERVER}:0", "--threads", "2", *sys.argv[3:]],
                              stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        port = int(re.search(r"http://[0-9.]+:(\d+) ", line).group(1))
        peers = [half_open(tun, port, 40000 + number) for number in range(6)]
        server.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        late = Peer(tun, port, 50000)
        late.send(SYN)
        require(late.receive(0.2) is None, "who comes later is not let in")
        for peer in peers:
            peer.send(ACK)
            peer.send(PSH | ACK, b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            data = answer_of(peer)
            require(data.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in data, f"it is answered: {data!r}")
        require(server.wait(10) == 0, "the server ends well")
        late.sequence = 1000
        late.send(SYN)
        answer = late.receive(5)
        require(answer and answer[0] & RST, "who comes later is refused then")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
