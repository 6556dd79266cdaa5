"""Conditional requests (RFC 9110 13)."""


def names_tag(if_none_match: str, tag: str) -> bool:
    """Whether an If-None-Match header names this tag: it is a list of tags, weak ones among them, or an asterisk."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in if_none_match.split(","))
