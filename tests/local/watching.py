"""What other users of this machine can see of a command's processes: arguments and listening sockets. Linux only."""

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
PERIOD_SECONDS = 0.25
# https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
TCP_LISTEN = "0A"
# Flag of a Unix socket that accepts connections: __SO_ACCEPTCON.
UNIX_LISTEN = "00010000"


class Listener(NamedTuple):
    """A listening socket. `port`: for a Unix socket, its path."""

    address: str
    port: int | str

    @property
    def is_local(self) -> bool:
        return self.address != "unix" and ipaddress.ip_address(self.address).is_loopback


@dataclass
class ProcessObservations:
    """Arguments and listeners of all processes during the observation; empty on systems without /proc."""

    arguments: set[str] = field(default_factory=set)
    listeners: set[Listener] = field(default_factory=set)

    def check(self, parts: Collection[str], secrets: Collection[str]) -> None:
        """Asserts that each part ran and listened, got no secret as an argument, and listened on this machine only."""
        if sys.platform != "linux":
            return
        for part in parts:
            assert any(part in arguments for arguments in self.arguments), f"{part} was not seen"
        assert [text for text in self.arguments if any(secret in text for secret in secrets)] == []
        assert len(self.listeners) >= len(parts)
        assert [listener for listener in self.listeners if not listener.is_local] == []


@contextmanager
def watched(folder: Path) -> Iterator[ProcessObservations]:
    """Observes the processes of this data folder within the block, by polling."""
    observations, over = ProcessObservations(), threading.Event()

    def observe() -> None:
        while sys.platform == "linux" and not over.wait(PERIOD_SECONDS):
            processes = processes_of(folder)
            observations.arguments |= {arguments(process) for process in processes}
            observations.listeners |= listeners(processes)

    watcher = threading.Thread(target=observe)
    watcher.start()
    try:
        yield observations
    finally:
        over.set()
        watcher.join()


def processes_of(folder: Path) -> list[int]:
    """Returns the ids of the processes whose environment has this LOCAL_FOLDER."""
    mark = f"LOCAL_FOLDER={folder}".encode()
    process_ids = []
    for process in PROC.glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                process_ids.append(int(process.name))
        except OSError:  # The process belongs to another user, or has ended.
            continue
    return process_ids


def arguments(process: int) -> str:
    """Returns the command line of a process; empty if it has ended."""
    try:
        return (PROC / str(process) / "cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def listeners(processes: Collection[int]) -> set[Listener]:
    """Returns the listening sockets of these processes."""
    sockets = {link for process in processes for link in _sockets(process)}
    return {listener for inode, listener in _all_listeners() if f"socket:[{inode}]" in sockets}


def listening_on(port: int) -> set[int]:
    """Returns the ids of the processes that listen on `port`."""
    inodes = {f"socket:[{inode}]" for inode, listener in _all_listeners() if listener.port == port}
    return {int(process.name) for process in PROC.glob("[0-9]*") if inodes & _sockets(int(process.name))}


def _sockets(process: int) -> set[str]:
    links = set()
    try:
        for link in (PROC / str(process) / "fd").iterdir():
            links.add(str(link.readlink()))
    except OSError:
        pass
    return links


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
    """Parses an address of /proc/net: hexadecimal words of four bytes, each in little-endian order."""
    data = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    address = ipaddress.ip_address(data)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def files_containing(folder: Path, secrets: Collection[str]) -> dict[str, int]:
    """Returns the files below a folder that contain one of the secrets, with their permissions."""
    encoded_secrets = [secret.encode() for secret in secrets]
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and any(secret in path.read_bytes() for secret in encoded_secrets)
    }
