"""A record whose possession is to be proven, and the few words that tests of proofs need."""

from dataclasses import dataclass

import pytest

from app.actor import Actor
from app.errors import Refusal
from app.rules.possession import Proof, Signature, VerificationCertificate
from app.services.possession import Challenged, CreatePossessionChallenge, ProvePossession, asked, fresh_nonce
from app.store import reads
from app.store.rows import AccountRow, CertificateRow, ChallengeRow
from tests.house import House, actor_of, fresh_ca
from tests.rules.authority import Made
from tests.rules.challenging import issued, presented, signature_of

WRONG = Signature(bytes.fromhex("3006020101020101"))
"""An ECDSA signature, of nobody."""


@dataclass
class Claim:
    """A record whose possession is to be proven, its CA, and somebody who may."""

    house: House
    account: AccountRow
    ca: Made
    record: CertificateRow

    @classmethod
    async def made(cls, house: House) -> "Claim":
        """A claim in a fresh account."""
        account = await house.account()
        ca = fresh_ca()
        return cls(house, account, ca, await house.upload(actor_of(account), ca, name="Plant 1"))

    @property
    def actor(self) -> Actor:
        return actor_of(self.account)

    async def challenge(self) -> ChallengeRow:
        return (await self.challenged()).challenge

    async def challenged(self) -> Challenged:
        return await self.house.perform(self.actor, CreatePossessionChallenge(self.record.id, fresh_nonce()))

    def signature(self, challenge: ChallengeRow) -> Signature:
        return signature_of(self.ca, asked(challenge))

    def certificate(self, challenge: ChallengeRow) -> VerificationCertificate:
        return presented(issued(self.ca, asked(challenge).verification_code))

    async def prove(self, challenge: ChallengeRow, proof: Proof) -> CertificateRow:
        return await self.house.perform(self.actor, ProvePossession(challenge.id, proof))

    async def refused(self, challenge: ChallengeRow, proof: Proof) -> Refusal:
        """Why a proof is refused; its entry must say the same."""
        with pytest.raises(Refusal) as raised:
            await self.prove(challenge, proof)
        said = await self.house.last_entry(self.account.id)
        assert (said.action, said.result, said.code) == ("possession.prove", "refused", raised.value.recorded_code)
        assert raised.value.entry_id == said.body["id"]
        return raised.value

    async def stored(self, challenge: ChallengeRow) -> ChallengeRow:
        return (await reads.challenges(self.house.database.reads, self.account.id, [challenge.id]))[challenge.id]

    async def present(self) -> CertificateRow:
        found = await reads.certificates(self.house.database.reads, self.account.id, [self.record.id])
        return found[self.record.id]
