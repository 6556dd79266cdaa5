"""Which media type an answer has (RFC 9110 12.5.1, and GraphQL over HTTP)."""

from enum import StrEnum


class MediaType(StrEnum):
    """What the endpoint can answer with."""

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    HTML = "text/html"


UTF_8 = frozenset({"utf-8", "utf8"})
"""How the parameter `charset` names it."""

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
        elif key.strip().lower() == "charset" and value.strip().strip('"').lower() not in UTF_8:
            quality = 0.0
    return name.lower(), quality


def is_json(content_type: str | None) -> bool:
    """Whether a body is declared as JSON in UTF-8.

    Nothing else is read: a form of another site's page can send neither this type nor a header that we read (CSRF).
    """
    if content_type is None:
        return False
    name, parameters = media_type_of(content_type)
    return name == MediaType.JSON.value and all(value in UTF_8 for key, value in parameters if key == "charset")


def media_type_of(content_type: str) -> tuple[str, list[tuple[str, str]]]:
    """The name of a media type and its parameters, in lower case and without quotation marks."""
    name, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    pairs = (item.partition("=") for item in parameters)
    return name, [(key.strip(), value.strip('" ')) for key, _, value in pairs]
