"""Input that no resolver can work with: the client's program is wrong, not the person who uses it."""

from graphql import GraphQLError


class BadUserInput(GraphQLError):
    """A malformed cursor, a page of 1,000, an argument that excludes another. Said as a top-level error.

    The message reaches the caller as it is: it quotes nothing that the caller sent.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT"})
