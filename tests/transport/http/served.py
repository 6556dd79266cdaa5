"""A program that serves the stub with `app.serving`, as a process of its own: settings from the environment.

Prints the address, alone on a line, once it listens.
"""

import sys

from starlette.applications import Starlette

from app.main import create_app
from app.serving import CannotServe, listen
from app.settings import Settings
from app.store.connection import CannotOpen
from tests.transport.http.stub_api import StubApi


def build(settings: Settings) -> Starlette:
    """The application with the stub; a worker finds it here by its name."""
    return create_app(settings, api=StubApi)


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main() -> int:
    """Serve; a sentence on standard error where that cannot be."""
    try:
        listen(Settings(_env_file=None), listening=_say, build=build)  # type: ignore[call-arg]
    except (CannotServe, CannotOpen) as error:
        sys.stderr.write(f"SENTENCE: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    # By its full name, so that a worker that is started afresh can import what this process refers to.
    from tests.transport.http import served

    sys.exit(served.main())
