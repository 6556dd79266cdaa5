"""A process that examines stretches of the log for the one that verifies it: `app.services.verification_workers`.

It reads questions from its standard input, and answers each on its standard output.
"""

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

from app.audit.examine import examine
from app.audit.verify import examine_whole
from app.errors import StoreUnavailable
from app.services.verification import Evidence
from app.services.verification_workers import (
    LENGTH_BYTES,
    Follow,
    LookAtWhole,
    Question,
    Unavailable,
    framed,
    length_of,
    message_of,
)
from app.store.instants import begin_at
from app.store.snapshot import open_snapshot


async def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more questions. The first is the database's URL."""

    def answer(message: object) -> None:
        answers.write(framed(message))
        answers.flush()

    try:
        url = questions.readline().decode().removesuffix("\n")
        async with open_snapshot(url) as connection:
            evidence = Evidence(connection)
            # What is here now stays: no search for garbage needs to look at it again.
            gc.freeze()
            while (question := _next(questions)) is not None:
                answer(await _answered(evidence, question))
    except StoreUnavailable as error:
        answer(Unavailable(str(error)))


async def _answered(evidence: Evidence, question: Question) -> object:
    if isinstance(question, Follow):
        await begin_at(evidence.connection, question.instant)
        return None
    if isinstance(question, LookAtWhole):
        return await examine_whole(evidence, question.trusted)
    return await examine(evidence, question)


def _next(questions: BinaryIO) -> Question | None:
    head = questions.read(LENGTH_BYTES)
    question: Question | None = message_of(questions.read(length_of(head))) if head else None
    return question


def main() -> None:
    """Run until standard input ends."""
    # Ctrl-C goes to every process of a terminal: the one that asks decides, and its end is the end of the questions.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What anything else prints is not an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(BrokenPipeError):
        asyncio.run(serve(sys.stdin.buffer, answers))


if __name__ == "__main__":
    main()
