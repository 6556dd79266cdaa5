"""Every command of the README gives what the README shows."""

import asyncio
import re
import sys
from pathlib import Path

from tests.serving import Served

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "-- end of answer --"


def _steps() -> list[tuple[str, str]]:
    """The commands in their order, each with the answer that is shown."""
    steps: list[tuple[str, str]] = []
    for block in CONSOLE.findall((ROOT / "README.md").read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            else:
                command, answer = steps[-1]
                steps[-1] = (command, f"{answer}{line}\n")
    return steps


def _pattern(shown: str) -> re.Pattern[str]:
    """What is shown, where an ellipsis stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in shown.strip().split("…")), re.DOTALL)


async def test_every_command_of_the_readme_answers_as_it_shows(served: Served) -> None:
    steps = _steps()
    assert len(steps) >= 10
    script = "".join(f"{command}\necho '{MARK}'\n" for command, _ in steps)
    here = {
        "http://127.0.0.1:8000": served.url,
        "var/": f"{served.data_dir}/",
        ".venv/bin/anchorage": f"{sys.executable} -m app",
        ".venv/bin/python": sys.executable,
    }
    # In one pass: what a word becomes may hold another.
    script = re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], script)
    shell = await asyncio.create_subprocess_exec(
        "bash",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=served.environment,
        cwd=ROOT,
    )
    output, _ = await shell.communicate(script.encode())
    answers = output.decode().split(f"{MARK}\n")
    for (command, shown), answer in zip(steps, answers, strict=False):
        assert _pattern(shown).fullmatch(answer.strip()), f"{command}\nanswered:\n{answer}\nand not:\n{shown}"
