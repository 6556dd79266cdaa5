"""Administrative commands beside a running server: what they did holds for its next request.

Seen to fail with a server that remembered the keys it had once found right.
"""

import asyncio

from tests.commands.running import anchorage
from tests.serving import Served

ACCOUNT = "{ viewer { account { id tier requirePossession certificateQuota { limit } } } }"


async def account_of(served: Served) -> dict[str, object]:
    """The administrator's account, as the server sees it now."""
    account: dict[str, object] = (await served.operate(ACCOUNT))["viewer"]["account"]
    return account


async def test_an_account_s_limit_tier_and_features_hold_at_once(served: Served) -> None:
    before = await account_of(served)
    account = str(before["id"])
    assert before["certificateQuota"] == {"limit": 50}

    await served.command("account", "set-limit", account, "7")
    assert (await account_of(served))["certificateQuota"] == {"limit": 7}

    await served.command("account", "set-limit", account, "default")
    await served.command("account", "set-tier", account, "developer")
    after = await account_of(served)
    assert (after["tier"], after["certificateQuota"]) == ("DEVELOPER", {"limit": 10})

    await served.command("account", "set-feature", account, "require-possession", "on")
    assert (await account_of(served))["requirePossession"] is True


async def test_a_key_works_once_it_is_made_and_no_longer_once_it_is_revoked(served: Served) -> None:
    account = str((await account_of(served))["id"])
    made = (
        await anchorage(served.environment, "key", "create", "--account", account, "--role", "viewer", "--json")
    ).json
    for _ in range(3):
        assert (await served.operate("{ viewer { scopes } }", key=made["secret"]))["viewer"]["scopes"]

    await served.command("key", "revoke", "--account", account, made["id"], "--reason", "It was lost.")

    refused = await asyncio.gather(*(served.ask("{ viewer { scopes } }", key=made["secret"]) for _ in range(3)))
    assert [answer["errors"][0]["extensions"]["code"] for answer in refused] == ["UNAUTHENTICATED"] * 3
    assert (await served.command("audit", "verify")).startswith("verified")
