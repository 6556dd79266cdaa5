"""`python -m app` is `anchorage`."""

from app.cli import main

main()
