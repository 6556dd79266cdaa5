"""Other people's TLS terminators at work with the configurations of `docs/examples`, placeholders replaced."""

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from app.rules import pem
from tests.fleet import DAY, NOW, Device
from tests.rules.authority import Made, make

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"

LIBCOAP_HEADER = "/usr/include/coap3/coap.h"
PACKAGES = {
    "haproxy": "haproxy",
    "nginx": "nginx",
    "caddy": "caddy",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "coap-server-openssl": "libcoap3-bin",
    "coap-server-gnutls": "libcoap3-bin",
    "coap-client-gnutls": "libcoap3-bin",
    "openssl": "openssl",
    "cc": "gcc libc6-dev",
    LIBCOAP_HEADER: "libcoap3-dev",
}
"""Programs, and files by their whole path, with the Debian packages that they come with."""

EFFECT_SECONDS = 30.0
"""How long an effect is waited for that should come at once. Nothing is claimed about the time."""

PLACEHOLDER = re.compile(r"__[A-Z][A-Z_]*__")
# Debian puts servers where only root has them on PATH.
_PROGRAMS = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


class Missing(Exception):
    """A program is not on this machine."""


def program(name: str) -> str:
    """Where a program is, or a file by its whole path. Raises Missing with the command that brings it."""
    found = name if Path(name).is_file() else shutil.which(name, path=_PROGRAMS)
    if found is None:
        package = PACKAGES.get(name)
        brings = f"apt-get install --no-install-recommends {package}" if package else "./scripts/setup dev"
        raise Missing(f"{name} is not on this machine. It comes with:  {brings}")
    return found


def require(*names: str) -> None:
    """Skip the test, or fail it in CI, unless the programs are there."""
    try:
        for name in names:
            program(name)
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def free_port() -> int:
    """A port that nobody listens on, for TCP and UDP, and the next one neither: a CoAP server takes both."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError), contextlib.ExitStack() as both:
                for number, kind in (
                    (port, socket.SOCK_DGRAM),
                    (port + 1, socket.SOCK_STREAM),
                    (port + 1, socket.SOCK_DGRAM),
                ):
                    both.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", number))
                return port


def until(holds: Callable[[], bool], what: str, *, seconds: float = EFFECT_SECONDS) -> float:
    """Wait until something holds; the seconds that it took. Raises AssertionError, with `what`, where it never does."""
    begun = time.perf_counter()
    while not holds():
        assert time.perf_counter() - begun < seconds, f"After {seconds:.0f} s: {what}"
        time.sleep(0.005)
    return time.perf_counter() - begun


def is_listening(port: int) -> bool:
    """Whether somebody takes TCP connections at a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Process:
    """A program at work. What it says lies in `said`."""

    command: list[str]
    popen: "subprocess.Popen[bytes]"
    said: Path

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; raises AssertionError with what the program said where it ends before."""

        def holds_or_ended() -> bool:
            return self.popen.poll() is not None or holds()

        with self.explained():
            until(holds_or_ended, what)
            assert self.popen.poll() is None, f"{self.command[0]} ended with {self.popen.returncode}"

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Adds what the program said to what goes wrong."""
        try:
            yield
        except AssertionError as wrong:
            raise AssertionError(f"{wrong}\n{' '.join(self.command)} said:\n{self.text()}") from None

    def text(self) -> str:
        """All that it said so far."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """End it, gently first."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()


@dataclass(slots=True)
class Workshop:
    """A folder with a terminator's files, and the programs that were started there. Ends them when it is left."""

    folder: Path
    processes: list[Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.write("server.pem", _as_pem(_server()))
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.end()
            print(f"{' '.join(process.command)} said:\n{process.text()}")  # noqa: T201  # pytest shows it where a test fails
        shutil.rmtree(self.folder)

    @classmethod
    def made(cls) -> "Workshop":
        """In a folder of its own, with a short name: the paths of sockets may have no more than some hundred bytes."""
        folder = Path(tempfile.mkdtemp(prefix="gate-"))
        # Terminators that root starts become somebody else, who has to reach their sockets.
        folder.chmod(0o755)
        return cls(folder)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @property
    def server(self) -> Path:
        """The terminator's own certificate and key."""
        return self.folder / "server.pem"

    def credentials(self, device: Device) -> Path:
        """A device's certificate, what it presents above it, and its key, in one file."""
        name = f"{hashlib.sha256(device.made.der).hexdigest()[:16]}"
        if device.others:
            self.write(f"{name}.others", pem.encode(device.chain[1:]))
        return self.write(f"{name}.pem", _as_pem(device.made, *device.others))

    def render(self, example: str, values: Mapping[str, object], change: Callable[[str], str] = str) -> None:
        """Copy an example here as a user would: with the placeholders replaced, and `change` on top of that."""
        for source in sorted((EXAMPLES / example).iterdir()):
            text = source.read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"__{name.upper()}__", str(value))
            self.write(source.name, change(_runnable(text))).chmod(source.stat().st_mode)
        left = {found for path in self.folder.iterdir() for found in PLACEHOLDER.findall(path.read_text("latin-1"))}
        assert not left, f"{example} has placeholders that nobody replaces: {left}"

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The workshop's own programs first, and none of the settings of a server of ours."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
        return {**inherited, "PATH": f"{self.folder}{os.pathsep}{_PROGRAMS}", **more}

    def start(self, *command: object, **environment: str) -> Process:
        """Start a program, in the folder; it ends with the workshop."""
        words = [program(str(command[0])), *map(str, command[1:])]
        said = self.folder / f"said-{len(self.processes)}.txt"
        with said.open("wb") as output:
            popen = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self._environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.processes.append(Process(words, popen, said))
        return self.processes[-1]

    def run(self, *command: object, given: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a program to its end, in the folder."""
        words = [program(str(command[0])), *map(str, command[1:])]
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment(environment),
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
        )


def _runnable(text: str) -> str:
    """Without the lines that only root can obey, for everyone else."""
    if os.geteuid() == 0:
        return text
    return re.sub(r"^\s*(?:user|group) .*\n| user haproxy$", "", text, flags=re.MULTILINE)


def _as_pem(own: Made, *others: Made) -> bytes:
    key = own.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.encode([own.der, *(other.der for other in others)]).encode() + key


def _server() -> Made:
    """The terminator's own certificate."""
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    return make(
        "localhost",
        is_ca=None,
        key_usage=("digital_signature",),
        extensions=[(names, False)],
        not_before=NOW - DAY,
        not_after=NOW + 365 * DAY,
    )
