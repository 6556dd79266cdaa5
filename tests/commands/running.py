"""`anchorage` as a person or a script runs it: its exit status, and what it says where."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def word(self) -> str:
        """The one word on standard output. Raises AssertionError where there is anything else."""
        assert self.status == 0, self
        word = self.out.removesuffix("\n")
        assert word, self
        assert word.split() == [word], self
        return word

    @property
    def json(self) -> Any:
        """The JSON on standard output, which holds nothing else."""
        assert self.status == 0, self
        return orjson.loads(self.out)

    @property
    def refused(self) -> str:
        """The code of a refusal: status 1, nothing on standard output, and one line on standard error."""
        code, separator, sentence = self.err.partition(": ")
        assert (self.status, self.out, separator) == (1, "", ": "), self
        assert sentence.endswith(".\n"), self
        assert sentence.count("\n") == 1, self
        return code


async def anchorage(environment: Mapping[str, str], *words: str, typed: str = "") -> Said:
    """Run it to its end with these words; `typed` is its standard input."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *words, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
