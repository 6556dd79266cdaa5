"""Which media type an answer has (RFC 9110 12.5.1, and GraphQL over HTTP)."""

from enum import StrEnum


class MediaType(StrEnum):
    """What the endpoint can answer with."""

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    HTML = "text/html"


_BY_PREFERENCE = (MediaType.GRAPHQL, MediaType.JSON, MediaType.EVENTS, MediaType.HTML)
"""Which of two that the client likes equally; a wildcard always means JSON."""

_BY_NAME = {kind.value: kind for kind in MediaType}


def negotiate(accept: str | None, *, html: bool = False) -> MediaType | None:
    """The media type that the client likes best, JSON when it says nothing; None when it accepts none of ours.

    A page is answered only where `html` allows it: to a GET.
    """
    if accept is None or not accept.strip():
        return MediaType.JSON
    liked: dict[MediaType, float] = {}
    for part in accept.split(","):
        name, quality = _range(part)
        if name in {"*/*", "application/*"}:
            liked.setdefault(MediaType.JSON, quality)
        elif name in _BY_NAME:
            liked[_BY_NAME[name]] = quality
    offered = [kind for kind in _BY_PREFERENCE if liked.get(kind, 0.0) > 0.0 and (html or kind is not MediaType.HTML)]
    # max() keeps the first of equals, which is the one we prefer.
    return max(offered, key=lambda kind: liked[kind], default=None)


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
        elif key.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            quality = 0.0
    return name.lower(), quality


def is_json(content_type: str | None) -> bool:
    """Whether a body is declared as JSON in UTF-8.

    Nothing else is read: a form of another site's page can send neither this type nor a header that we read (CSRF).
    """
    if content_type is None:
        return False
    name, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    charsets = [value.strip('" ') for key, _, value in (item.partition("=") for item in parameters) if key == "charset"]
    return name == MediaType.JSON.value and all(charset in {"utf-8", "utf8"} for charset in charsets)
