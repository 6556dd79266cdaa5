"""A device's side of DTLS: OpenSSL's own client, and CoAP over it."""

import contextlib
import os
import selectors
import subprocess
import tempfile
import time
from pathlib import Path

from tests.peers.device_side import Credentials, Refused
from tests.peers.terminators import is_listening, program, until

_AGAIN_SECONDS = 0.5
_UNANSWERED_SECONDS = 3.0
# Two times that a lost message is sent again. A server that began anew may never answer a handshake from before.
_HANDSHAKE_SECONDS = 6.0
_HANDSHAKE_DONE = b"Verify return code"


class DtlsVisit:
    """A session whose handshake is done. Raises Refused where it fails. `session` is a file of OpenSSL's."""

    def __init__(self, port: int, credentials: Credentials, session: Path | None = None) -> None:
        # It listens for TLS at the same port, if at all.
        until(lambda: is_listening(port), f"somebody listens at {port}")
        descriptor, name = tempfile.mkstemp(prefix="session-", dir=credentials.file.parent)
        os.close(descriptor)
        self.session: Path | None = Path(name)
        offered = [] if session is None else ["-sess_in", str(session)]
        command = ["s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", "-sess_out", name, *offered]
        own = ["-cert", str(credentials.file), "-key", str(credentials.file)]
        own += ["-cert_chain", str(credentials.others)] if credentials.others.exists() else []
        self._process = subprocess.Popen(
            [program("openssl"), *command, *own],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self._said = b""
        self._message = 0
        try:
            is_done = self._hears(_HANDSHAKE_DONE, _HANDSHAKE_SECONDS)
        except Refused:
            self.close()
            raise
        if not is_done:
            self.close()
            raise Refused(self._said.decode("utf-8", "replace"))
        self.was_resumed = b"\nReused, " in self._said

    def is_served(self) -> bool:
        """Whether the server answers GET / with 2.05. What is lost is sent again; after a while nobody answers."""
        assert self._process.stdin is not None
        # RFC 7252 3: version 1, confirmable, no token, GET; the answer is an acknowledgement with 2.05.
        self._message += 1
        number = self._message.to_bytes(2)
        end = time.perf_counter() + _UNANSWERED_SECONDS
        while time.perf_counter() < end:
            try:
                self._process.stdin.write(b"\x40\x01" + number)
                if self._hears(b"\x60\x45" + number, _AGAIN_SECONDS):
                    return True
            except (OSError, Refused):
                return False
        return False

    def _hears(self, mark: bytes, seconds: float) -> bool:
        """Whether something is said within a time. Raises Refused where the client ends."""
        assert self._process.stdout is not None
        end = time.perf_counter() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while mark not in self._said:
                if not selector.select(max(0.0, end - time.perf_counter())):
                    return False
                came = os.read(self._process.stdout.fileno(), 65536)
                if not came:
                    raise Refused(self._said.decode("utf-8", "replace"))
                self._said += came
        return True

    def close(self) -> None:
        """Leave."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
