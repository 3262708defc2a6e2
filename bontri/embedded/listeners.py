"""Which process serves a loopback port: a harness that talks to somebody else's server proves nothing."""

import random
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bontri.embedded.errors import ListenerError
from bontri.embedded.process_tree import list_descendants

LOOPBACK = "127.0.0.1"
_PROC_NET_TCP_LISTEN = "0A"
_LASTING_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Listener:
    """One listening socket of the kernel's table."""

    address: str
    uid: int
    inode: int


def choose_free_port() -> int:
    """Return a loopback port nobody listens on now; another process can still take it first."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def choose_lasting_port() -> int:
    """Return a free loopback port for a service that will be down at times.

    It is below those the system gives to outgoing connections: a client that tries again and again while the service is
    down would sooner or later be given its port.

    Raises:
        ListenerError: none was free in a hundred tries.
    """
    for port in random.sample(_LASTING_PORTS, 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise ListenerError(f"no port from {_LASTING_PORTS.start} to {_LASTING_PORTS.stop - 1} is free")


def list_listeners(port: int) -> list[Listener]:
    """Return the sockets listening on `port`, on every address, IPv4 before IPv6."""
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            columns = line.split()
            address, local_port = columns[1].split(":")
            if columns[3] == _PROC_NET_TCP_LISTEN and int(local_port, 16) == port:
                found.append(Listener(_readable_address(address), uid=int(columns[7]), inode=int(columns[9])))
    return found


def _readable_address(hexadecimal: str) -> str:
    # The kernel prints each 32-bit word in host byte order.
    raw = bytes.fromhex(hexadecimal)
    words = [int.from_bytes(raw[at : at + 4], "big").to_bytes(4, "little") for at in range(0, len(raw), 4)]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, b"".join(words))


def assert_listener_belongs_to(port: int, pid: int) -> None:
    """Return when `pid` or a descendant alone listens on `port`, and on 127.0.0.1 only.

    Raises:
        ListenerError: nobody listens there, or somebody else does, or it listens on more than loopback.
    """
    listeners = list_listeners(port)
    if not listeners:
        raise ListenerError(f"nothing listens on port {port}")
    if any(listener.address != LOOPBACK for listener in listeners):
        addresses = ", ".join(listener.address for listener in listeners)
        raise ListenerError(f"port {port} is open on {addresses}, not on {LOOPBACK} alone")
    family = [pid, *list_descendants(pid)]
    for listener in listeners:
        if not any(_has_socket(member, listener) for member in family):
            raise ListenerError(f"port {port} is served by another process than {pid}, the one we started")


def _has_socket(pid: int, listener: Listener) -> bool:
    try:
        return f"socket:[{listener.inode}]" in _list_open_files(pid)
    except PermissionError:
        # In a container root lacks CAP_SYS_PTRACE and cannot look into another account's process.
        # The owner of the socket is the next best evidence; the services' own checks come on top.
        return _find_uid(pid) == listener.uid


def _list_open_files(pid: int) -> set[str]:
    found = set()
    # Ended meanwhile, the process or the file: then it does not hold the socket.
    with suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
    return found


def _find_uid(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    line = next(line for line in status.splitlines() if line.startswith("Uid:"))
    return int(line.split()[2])
