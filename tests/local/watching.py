"""What other users of this machine can see of our processes: their arguments, and where they listen. Linux only."""

import ipaddress
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
PROC = Path("/proc")
LOOK_SECONDS = 0.25
# https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
TCP_LISTEN = "0A"
# A Unix socket that waits for connections: __SO_ACCEPTCON.
UNIX_LISTEN = "00010000"


class Listener(NamedTuple):
    """`port` of a Unix socket is its path."""

    address: str
    port: int | str

    @property
    def is_local(self) -> bool:
        return self.address != "unix" and ipaddress.ip_address(self.address).is_loopback


@dataclass
class Seen:
    """Of all processes, over the time of watching; nothing where there is no /proc."""

    arguments: set[str] = field(default_factory=set)
    listeners: set[Listener] = field(default_factory=set)

    def check(self, parts: Collection[str], secrets: Collection[str]) -> None:
        """Asserts that each part ran and listened, none was given a secret as an argument, none can be reached from
        another machine."""
        if sys.platform != "linux":
            return
        for part in parts:
            assert any(part in arguments for arguments in self.arguments), f"{part} was not seen"
        assert [line for line in self.arguments if any(secret in line for secret in secrets)] == []
        assert len(self.listeners) >= len(parts)
        assert [listener for listener in self.listeners if not listener.is_local] == []


@contextmanager
def watched(folder: Path) -> Iterator[Seen]:
    """Looks again and again, within the block, at the processes that were started for this data folder."""
    seen, over = Seen(), threading.Event()

    def look() -> None:
        while sys.platform == "linux" and not over.wait(LOOK_SECONDS):
            processes = started_for(folder)
            seen.arguments |= {arguments(process) for process in processes}
            seen.listeners |= listeners(processes)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def started_for(folder: Path) -> list[int]:
    """The processes whose environment says so."""
    mark = f"LOCAL_FOLDER={folder}".encode()
    found = []
    for process in PROC.glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:  # another user's, or gone
            continue
    return found


def arguments(process: int) -> str:
    try:
        return (PROC / str(process) / "cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def listeners(processes: Collection[int]) -> set[Listener]:
    """Where any of these processes takes connections."""
    sockets = {link for process in processes for link in _sockets(process)}
    return {listener for inode, listener in _all_listeners() if f"socket:[{inode}]" in sockets}


def listening_on(port: int) -> set[int]:
    """The processes that do."""
    inodes = {f"socket:[{inode}]" for inode, listener in _all_listeners() if listener.port == port}
    return {int(process.name) for process in PROC.glob("[0-9]*") if inodes & _sockets(int(process.name))}


def _sockets(process: int) -> set[str]:
    found = set()
    try:
        for link in (PROC / str(process) / "fd").iterdir():
            found.add(str(link.readlink()))
    except OSError:
        pass
    return found


def _all_listeners() -> Iterator[tuple[str, Listener]]:
    for table in ("tcp", "tcp6"):
        for row in _rows(table):
            address, _, port = row[1].partition(":")
            if row[3] == TCP_LISTEN:
                yield row[9], Listener(_address(address), int(port, 16))
    for row in _rows("unix"):
        if row[3] == UNIX_LISTEN:
            yield row[6], Listener("unix", row[7] if len(row) > 7 else "")


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in (PROC / "net" / table).read_text().splitlines()[1:]]


def _address(text: str) -> str:
    """Words of four bytes, each in the machine's order, which is little-endian."""
    data = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    address = ipaddress.ip_address(data)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def files_with(folder: Path, secrets: Collection[str]) -> dict[str, int]:
    """The files below a folder that contain one of the secrets, with their permissions."""
    wanted = [secret.encode() for secret in secrets]
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and any(secret in path.read_bytes() for secret in wanted)
    }
