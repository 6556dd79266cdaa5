"""What every object has that can be fetched again, and how each kind is fetched."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import strawberry

from app.transport.graphql.context import Context
from app.transport.graphql.described import attribute, interface
from app.transport.graphql.ids import Kind, decode, kind_of
from app.transport.graphql.scopes import Enforcement, Rule


@interface
class Node:
    """An object that can be fetched again by its id."""

    id: strawberry.ID = attribute("Opaque, globally unique and stable.")


Fetch = Callable[[Context, str], Awaitable[Node | None]]
"""Finds an object of the caller's account by its stored id."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where objects of a kind come from, and who may have them."""

    rule: Rule
    fetch: Fetch


SOURCES: dict[Kind, Source] = {}
"""Every kind that can be fetched; each type enters itself."""


async def fetch_node(context: Context, node_id: str) -> Node | None:
    """The object of this id in the caller's account; None for one of another account as for one that is nowhere.

    Raises Unauthenticated or Forbidden, which depend on the kind that the id claims and on nothing that is stored.
    """
    kind = kind_of(node_id)
    source = None if kind is None else SOURCES.get(kind)
    if kind is None or source is None:
        return None
    if source.rule.enforcement is Enforcement.GUARD:
        source.rule.require(context.actor)
    return await source.fetch(context, decode(kind, node_id))


async def fetch_readable(context: Context, node_id: str | None) -> Node | None:
    """As `fetch_node`, but None where the caller may not read the kind."""
    source = None if node_id is None else SOURCES.get(kind_of(node_id) or Kind.USER)
    if node_id is None or source is None:
        return None
    if source.rule.scope is not None and source.rule.scope not in context.actor.scopes:
        return None
    return await fetch_node(context, node_id)
