"""Records and devices for the tests of what a change would do, and whom a preview lists."""

from app.actor import Role
from app.impact import Impact
from app.rules.trust import decide
from app.services.asked import question_of
from app.services.devices import ConnectDevice
from app.services.trust_states import load
from app.store import device_kinds
from app.store.paging import Window
from app.store.rows import AccountRow
from app.terms import Service, Usage
from tests.fleet import Device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import AT, Made, make


def authority(name: str, issuer: Made | None = None) -> Made:
    """A CA."""
    return make(name, issuer=issuer)


def made_device(name: str, issuer: Made, *others: Made) -> Device:
    """A device that presents these as well."""
    return Device(make(name, issuer=issuer, is_ca=None, key_usage=("digital_signature",)), others)


async def trust(house: House, account: AccountRow, *chain: Made, name: str) -> str:
    """A record of the LwM2M service; its id."""
    command = upload_of(*chain, name=name, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    return (await house.perform(actor_of(account), command)).id


async def connect(house: House, account: AccountRow, come: Device) -> None:
    """Let a device in, as of AT."""
    state = await load(house.database.reads, account.id)
    decision = decide(state.store, question_of(come.chain, Service.LWM2M, AT))
    await house.perform(actor_of(account, Role.GATEWAY), ConnectDevice(None, decision, state))


async def names_of(house: House, account: AccountRow, found: Impact) -> list[list[str]]:
    """The devices of each effect, by endpoint name, as they are listed."""
    members = [effect.members for effect in found.effects]
    pages = await device_kinds.members_pages(house.database.reads, account.id, members, Window(100))
    return [[row.endpoint_name for row in page.rows] for page in pages]
