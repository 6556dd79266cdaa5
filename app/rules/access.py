"""Who may do what: deny unless a scope says otherwise."""

from app.actor import SCOPES, Actor, ActorType, Role, Scope
from app.errors import Forbidden, Unauthenticated


def require_scope(actor: Actor, scope: Scope) -> None:
    """Refuse an act that the actor's scopes do not name.

    Raises Unauthenticated for a stranger and Forbidden for a known caller.
    """
    if scope in actor.scopes:
        return
    require_signed_in(actor)
    raise Forbidden(f"This needs the scope {scope.value}, which the caller does not have.")


def require_signed_in(actor: Actor) -> None:
    """Refuse a stranger.

    Raises Unauthenticated.
    """
    if actor.type is ActorType.ANONYMOUS:
        raise Unauthenticated("This needs an API key: send it as `Authorization: Bearer ak_...`.")


def require_grantable(actor: Actor, role: Role) -> None:
    """Refuse to hand out more than the actor has.

    Raises Forbidden.
    """
    missing = SCOPES[role] - actor.scopes
    if missing:
        names = ", ".join(sorted(scope.value for scope in missing))
        raise Forbidden(f"A key of the role {role.value} may do more than you may: {names}.")
