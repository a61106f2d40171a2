"""Looks at a program as a screen reader does: by AT-SPI, over the accessibility bus of a session of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ACCESSIBLE = "org.a11y.atspi.Accessible"
_ROOT = "/org/a11y/atspi/accessible/root"
_LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
_REFERENCE = re.compile(r"\('([^']*)', (?:objectpath )?'([^']*)'\)")
_CALL_S = 20


@dataclass(frozen=True)
class Node:
    """An object that a program shows.

    Attributes:
        owner: The program's name on the bus.
        path: The object's.
        name: As it is read out.
        description: Likewise.
    """

    owner: str
    path: str
    name: str
    description: str


class AccessibilityBus:
    """The bus; ask it what is there.

    Args:
        session: Address of the session's own bus.
    """

    def __init__(self, session: str) -> None:
        self._environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": session}
        asked = self._gdbus("--session", "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress")
        self._address = asked.split("'")[1]

    def programs(self) -> list[Node]:
        """Returns those that are on the bus."""
        return self.children("org.a11y.atspi.Registry", _ROOT)

    def children(self, owner: str, path: str) -> list[Node]:
        """Returns the objects in an object."""
        found = self._call(owner, path, f"{_ACCESSIBLE}.GetChildren")
        return [self._node(*reference) for reference in _REFERENCE.findall(found)]

    def walk(self, node: Node) -> Iterator[Node]:
        """Yields the object and all in it, outermost first."""
        yield node
        for child in self.children(node.owner, node.path):
            yield from self.walk(child)

    def _node(self, owner: str, path: str) -> Node:
        values = (self._property(owner, path, name) for name in ("Name", "Description"))
        return Node(owner, path, *values)

    def _property(self, owner: str, path: str, name: str) -> str:
        said = self._call(owner, path, "org.freedesktop.DBus.Properties.Get", _ACCESSIBLE, name)
        return said.strip().removeprefix("(<").removesuffix(">,)")[1:-1]

    def _call(self, owner: str, path: str, *method: str) -> str:
        return self._gdbus("--address", self._address, owner, path, *method)

    def _gdbus(self, *words: str) -> str:
        *bus, owner, path = words[: 3 if words[0] == "--session" else 4]
        method, *arguments = words[len(bus) + 2 :]
        asked = ["gdbus", "call", *bus, "--dest", owner, "--object-path", path, "--method", method, *arguments]
        done = subprocess.run(
            asked, env=self._environment, capture_output=True, text=True, timeout=_CALL_S, check=False
        )
        return done.stdout


@contextlib.contextmanager
def accessibility_bus(folder: Path) -> Iterator[tuple[str, AccessibilityBus]]:
    """Gives the address of a session bus of its own, and its accessibility bus; skips where there is no AT-SPI here.

    Args:
        folder: For the bus's socket.
    """
    for program in ("dbus-daemon", "gdbus"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if not any(Path(launcher).exists() for launcher in _LAUNCHERS):
        pytest.skip("needs at-spi2-core")
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address=unix:dir={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # the services that it starts end with it
    )
    try:
        assert daemon.stdout is not None
        session = daemon.stdout.readline().strip()
        yield session, AccessibilityBus(session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
        daemon.stdout.close()
