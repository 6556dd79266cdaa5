"""Accounts that trust so many CAs, their gateways' keys, and the devices that these CAs have made."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import Role, command_line
from app.clock import system_clock
from app.demo import YEAR, Authority
from app.services.accounts import CreateAccount, SetAccountLimit
from app.services.door import Door
from app.services.keys import CreateApiKey, fresh_credential
from app.services.submission import Submission
from app.store.database import open_database
from app.store.migrate import migrate
from app.terms import Service, Tier, Usage
from scripts.benchmarks.houses import LIMIT, ORIGIN, create, upload_of

AT_ONCE = 64
"""How many uploads are on their way together: they share commits."""

NOT_YET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Device:
    """What a device presents, as DER: its own certificate, and its CA's."""

    leaf: bytes
    issuer: bytes


@dataclass(frozen=True, slots=True)
class Fleet:
    """An account. `plants` are the CAs that it trusts, below one root, and `records` their records' ids."""

    account_id: str
    gateway_key: str
    admin_key: str
    plants: Sequence[Authority]
    records: Sequence[str]

    def devices(self, count: int) -> list[Device]:
        """So many new devices, of each plant in turn."""
        start = datetime.now(UTC) - NOT_YET
        ders = [(plant, _first_der(plant.pem)) for plant in self.plants[:count]]
        made = []
        for number in range(count):
            plant, issuer = ders[number % len(ders)]
            made.append(Device(_first_der(plant.device(f"urn:meter:{number:08}", start=start)), issuer))
        return made

    def asking(self, device: Device) -> bytes:
        """The request of a gateway about a device, as it hands certificates on by RFC 9440."""
        return (
            "GET /gateway/authorize?service=lwm2m HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.gateway_key}\r\n"
            f"Client-Cert: :{_base64(device.leaf)}:\r\nClient-Cert-Chain: :{_base64(device.issuer)}:\r\n\r\n"
        ).encode("ascii")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Door]:
    """The door of a new database, for before it is served."""
    await create(url)
    await migrate(url)
    database = open_database(url)
    await database.start()
    try:
        yield Door(database, clock=system_clock, node="bench-1", software="anchorage/bench")
    finally:
        await database.close()


async def found(door: Door, anchors: int) -> Fleet:
    """An account that trusts so many CAs, uploaded through the door."""
    made = CreateAccount(f"account with {anchors} anchors", Tier.COMMERCIAL)
    account = (await door.perform(command_line(None, "bench"), made, ORIGIN)).value
    operator = command_line(account.id, "bench")
    await door.perform(operator, SetAccountLimit(account.id, LIMIT), ORIGIN)
    keys = {role: fresh_credential(system_clock()) for role in (Role.GATEWAY, Role.ADMIN)}
    for role, key in keys.items():
        await door.perform(operator, CreateApiKey(role.value, role, key), ORIGIN)
    plants = _plants(anchors)
    waiting, records = iter(plants), list[str]()
    while batch := list(islice(waiting, AT_ONCE)):
        records += await _upload(door, account.id, batch)
    return Fleet(account.id, keys[Role.GATEWAY].text, keys[Role.ADMIN].text, plants, records)


async def _upload(door: Door, account_id: str, plants: Sequence[Authority]) -> list[str]:
    now, operator = system_clock(), command_line(account_id, "bench")
    # Of a usage that needs no proof of possession.
    commands = [
        replace(upload_of(Submission.of(plant.pem, at=now)), usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
        for plant in plants
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(door.perform(operator, command, ORIGIN)) for command in commands]
    return [task.result().value.id for task in tasks]


def _plants(count: int) -> list[Authority]:
    now = datetime.now(UTC)
    # One key for all: a decision looks at names and signatures, and keys take their time to make.
    key = ec.generate_private_key(ec.SECP256R1())
    root = Authority.root("Northwind Device Root CA", key, start=now - YEAR, end=now + 9 * YEAR)
    return [
        root.issue(f"Northwind Plant {number} CA", key, start=now - YEAR, end=now + 5 * YEAR) for number in range(count)
    ]


def _first_der(pem: str) -> bytes:
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
