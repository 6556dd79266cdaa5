"""A machine that has nothing but Python, and an auditor at it."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.exported import File

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit_verify.py"


@dataclass(frozen=True)
class Answer:
    """What the script said, and how it ended."""

    status: int
    line: str
    said: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        return set(self.said["counts"])


@dataclass(frozen=True)
class Clean:
    """A machine that has nothing but Python: an empty directory, and `python3 -I`, which sees no packages of ours."""

    folder: Path

    def file(self, name: str, content: str | bytes) -> str:
        """Put a file there; answers its name."""
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def run(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-I", "-S", "audit_verify.py", *words]
        return subprocess.run(command, cwd=self.folder, input=given, capture_output=True, check=False, env={})

    def verify(self, file: File | bytes, *words: str) -> Answer:
        """Run the script twice, for people and for programs: both must end alike."""
        name = self.file("export.jsonl", file if isinstance(file, bytes) else file.content)
        told, data = self.run(name, *words), self.run(name, "--json", *words)
        assert told.returncode == data.returncode
        assert b"Traceback" not in told.stderr + data.stderr
        line = told.stdout.decode("ascii").partition("\n")[0]
        said = json.loads(data.stdout)
        assert said["status"] == told.returncode
        assert line == said["summary"]
        return Answer(told.returncode, line, said)

    @classmethod
    def with_script(cls, folder: Path) -> "Clean":
        """An empty directory, with a copy of the script in it and nothing else."""
        shutil.copy(SCRIPT, folder / "audit_verify.py")
        return cls(folder)
