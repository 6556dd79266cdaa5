"""What would be decided about a chain that a caller holds: now, or at a point of the past."""

from app.services import decisions
from app.services.decisions import Presented
from app.transport.graphql.context import Info, path_of
from app.transport.graphql.device_inputs import VerifyDeviceInput
from app.transport.graphql.history import point_of
from app.transport.graphql.inputs import AsOf
from app.transport.graphql.types.decisions import TrustDecision
from app.transport.graphql.types.history import HistoryPoint


async def verified(info: Info, given_input: VerifyDeviceInput) -> TrustDecision:
    """The decision. Raises BadUserInput, HistoryUnavailable and StoreUnavailable; never for what the chain is."""
    context, as_of, presented = info.context, given_input.as_of(), given_input.presented()
    if as_of is not None:
        return await _past(info, as_of, presented)
    state = await context.trust_state()
    return TrustDecision.of(await decisions.present(context.connection, state, presented, context.now))


async def _past(info: Info, as_of: AsOf, presented: Presented) -> TrustDecision:
    context, size = info.context, as_of.size()
    await context.record_log_read("verifyDevice.asOf", path_of(info))
    point = await point_of(context, as_of, size)
    decided = await decisions.past(context.connection, point, presented)
    past = None if decided.trusted is None else context.loaders.as_of(point.time, decided.trusted)
    return TrustDecision.of(decided, past, HistoryPoint.of(point))
