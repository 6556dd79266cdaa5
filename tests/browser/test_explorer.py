"""The explorer at /graphql, as a person with a browser meets it: the real server, the real build, no other host."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import pytest
from playwright.async_api import Browser, ConsoleMessage, Error, Page, Response, WebSocket, expect

from app.rules import pem
from app.terms import ClientCertForm
from tests.fleet import DAY, NOW, fleet, handed_on
from tests.rules.authority import make

# What differs between the engines lies below, and is tested there on both.
pytestmark = pytest.mark.once

WEB: Final = Path(__file__).parents[2] / "app" / "web"
EXAMPLES: Final = WEB / "src" / "explorer" / "examples"
NAMES: Final = tuple(path.stem for path in sorted(EXAMPLES.glob("[0-9]*.graphql")))
SUBSCRIPTIONS: Final = tuple(name for name in NAMES if "\nsubscription " in (EXAMPLES / f"{name}.graphql").read_text())
PLACEHOLDERS: Final[Mapping[str, list[str]]] = json.loads((EXAMPLES / "placeholders.json").read_text())

UNDONE_BY: Final = {
    "03-upload-certificate": "08-delete-certificate",
    "10-create-api-key": "12-revoke-api-key",
    "20-list-devices": "24-resume-device",
    "25-claim-enrollment": "27-release-enrollment",
}
WATCHES_FINDINGS: Final = "29-watch-findings"
A_LOOK: Final = 150_000
"""Milliseconds, by which every account whose certificates changed has been looked at."""

REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
});
"""
ACCEPTED_AXE_RULES: Final = {
    "nested-interactive",  # GraphiQL 5.4 draws a tab as a list item with two buttons in it
    "label-content-name-mismatch",  # the History plugin calls every entry "Set active"
    "select-name",  # the Explorer plugin's choice of an operation has no label
}
ATTEMPTS: Final = 20

Json = Mapping[str, Any]


class Served(Protocol):
    """A running server, and the key of its administrator."""

    @property
    def url(self) -> str:
        """Where it answers, without a path."""

    @property
    def admin_key(self) -> str:
        """The secret as it stands in <data>/admin-key."""


class Explorer:
    """The explorer's page, and whatever its browser complained about."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.key = served.admin_key
        self.origin = served.url.rstrip("/")
        self.address = f"{self.origin}/graphql"
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", lambda request: self._reach(request.url))
        page.on("websocket", self._on_websocket)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text}")

    def _on_error(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error}")

    def _on_websocket(self, websocket: WebSocket) -> None:
        self._reach(websocket.url.replace("ws", "http", 1))

    def _reach(self, address: str) -> None:
        self.addresses.append(address)
        if not address.startswith((f"{self.origin}/", "data:", "blob:")):
            self.complaints.append(f"another host: {address}")

    async def open(self) -> Response:
        """Load the page and wait for its editors."""
        response = await self.page.goto(self.address)
        assert response is not None
        await expect(self.page.get_by_label("Headers").get_by_text("Authorization")).to_be_visible()
        return response

    async def sign_in(self) -> None:
        """Paste the key into the header editor, and wait for the schema that is loaded with it."""
        await self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        headers = json.dumps({"Authorization": f"Bearer {self.key}"})
        await self.page.evaluate("text => navigator.clipboard.writeText(text)", headers)
        await self.page.get_by_label("Headers").get_by_text("Authorization").click()
        await self.page.keyboard.press("ControlOrMeta+A")
        await self.page.keyboard.press("ControlOrMeta+V")
        await expect(self.page.get_by_label("Headers").get_by_text("ak_…")).to_have_count(0)

    async def start(self, name: str) -> None:
        """Open the example and run it, by the buttons."""
        await self.page.locator(f"[data-example='{name}']").click()
        await self.page.get_by_role("button", name="Execute query").click()

    async def run(self, name: str) -> Json:
        """Run the example by POST and return the answer, which the page must show."""

        def is_answer(response: Response) -> bool:
            return response.request.method == "POST" and query in (response.request.post_data_json or {}).get(
                "query", ""
            )

        query = (EXAMPLES / f"{name}.graphql").read_text()
        async with self.page.expect_response(is_answer) as answered:
            await self.start(name)
        answer: Json = await (await answered.value).json()
        await expect(self.page.get_by_label("Result Window")).to_contain_text("data")
        return answer

    async def post(self, name: str, variables: Json) -> Json:
        """Run the example beside the page, as another client would."""
        response = await self.page.request.post(
            self.address,
            headers={"Authorization": f"Bearer {self.key}"},
            data={"query": (EXAMPLES / f"{name}.graphql").read_text(), "variables": variables},
        )
        return successful(await response.json())

    async def upload(self, name: str, text: str) -> None:
        """Upload a third party's CA beside the page."""
        chain = {"pem": text}
        await self.post(
            "03-upload-certificate",
            {"input": {"name": name, "source": chain, "usage": "THIRD_PARTY_CA", "service": "LWM2M"}},
        )

    async def let_a_device_in(self) -> None:
        """Ask as a gateway about a device of a CA that is trusted."""
        await self.upload("Fleet", fleet().upload)
        made = await self.post("10-create-api-key", {"input": {"name": "Gateway", "role": "GATEWAY"}})
        headers = {"Authorization": f"Bearer {made['createApiKey']['secret']}"}
        headers |= handed_on(ClientCertForm.RFC9440, fleet().d1.chain)
        answer = await self.page.request.get(f"{self.origin}/gateway/authorize?service=lwm2m", headers=headers)
        assert answer.status == 200

    async def change_something(self) -> None:
        """Upload the example certificate and delete it again, beside the page."""
        uploaded = await self.post("03-upload-certificate", variables_of("03-upload-certificate"))
        await self.post("08-delete-certificate", {"input": {"id": uploaded["uploadCertificate"]["certificate"]["id"]}})


def variables_of(name: str) -> Json:
    variables: Json = json.loads((EXAMPLES / f"{name}.json").read_text())
    return variables


def successful(answer: Json) -> Json:
    """The data of an answer without errors, be they GraphQL's or a mutation's own."""
    assert not answer.get("errors"), answer
    data: Json = answer["data"]
    for payload in data.values():
        assert payload is not None, answer
        assert not payload.get("errors"), answer
    return data


@pytest.fixture
async def explorer(browser: Browser, served: Served) -> AsyncIterator[Explorer]:
    """The page, opened; at the end its browser must have had nothing to complain about."""
    context = await browser.new_context(viewport={"width": 1400, "height": 900})
    await context.add_init_script(REPORT_VIOLATIONS)
    page = Explorer(await context.new_page(), served)
    await page.open()
    yield page
    assert page.complaints == []
    await context.close()


async def test_every_example_does_what_it_says_when_run_in_order(explorer: Explorer) -> None:
    await explorer.sign_in()
    await explorer.let_a_device_in()
    for name in NAMES:
        if name not in SUBSCRIPTIONS:
            successful(await explorer.run(name))


@pytest.mark.parametrize("name", [name for name in SUBSCRIPTIONS if name != WATCHES_FINDINGS])
async def test_a_subscription_shows_what_a_mutation_elsewhere_did(explorer: Explorer, name: str) -> None:
    await explorer.sign_in()
    await explorer.start(name)
    shown = explorer.page.get_by_label("Result Window").get_by_text("CERTIFICATE_")
    for _ in range(ATTEMPTS):  # The first changes may come before the server has heard of the subscription.
        await explorer.change_something()
        if await shown.count():
            break
    await expect(shown.first).to_be_visible()
    await expect(explorer.page.get_by_label("Result Window").get_by_text("errors")).to_have_count(0)


async def test_a_finding_is_shown_as_it_appears(explorer: Explorer) -> None:
    await explorer.sign_in()
    await explorer.start(WATCHES_FINDINGS)
    await expect(explorer.page.get_by_role("button", name="Stop query")).to_be_visible()
    ending = make("Ends soon", not_before=NOW - DAY, not_after=NOW + 30 * DAY)
    await explorer.upload("Ends soon", pem.encode([ending.der]))

    shown = explorer.page.get_by_label("Result Window").get_by_text("EXPIRES_SOON")
    await expect(shown.first).to_be_visible(timeout=A_LOOK)


async def test_every_placeholder_of_the_examples_is_filled_by_one_of_them(explorer: Explorer) -> None:
    await explorer.sign_in()
    await explorer.let_a_device_in()
    for placeholder, path in PLACEHOLDERS.items():
        maker = next(name for name in NAMES if f"  {path[0]}(" in (EXAMPLES / f"{name}.graphql").read_text())
        made: Any = successful(await explorer.run(maker))
        for field in path:
            made = made[int(field)] if isinstance(made, list) else made[field]
        users = [
            name for name in NAMES if (EXAMPLES / f"{name}.json").exists() and placeholder in str(variables_of(name))
        ]
        assert users
        await explorer.page.locator(f"[data-example='{users[0]}']").click()
        await explorer.page.get_by_role("button", name="Variables").click()
        await expect(explorer.page.get_by_label("Variables").get_by_text(made)).to_be_visible()
        for name in dict.fromkeys((users[0], UNDONE_BY[maker])):
            successful(await explorer.run(name))


async def test_the_documentation_shows_the_schema(explorer: Explorer) -> None:
    await explorer.sign_in()
    await explorer.page.get_by_role("button", name="Show Documentation Explorer").click()
    await expect(explorer.page.get_by_role("link", name="Mutation", exact=True)).to_be_visible()
    await explorer.page.get_by_role("button", name="Show GraphiQL Explorer").click()
    await expect(explorer.page.get_by_text("certificateQuota").first).to_be_visible()


async def test_the_key_is_neither_in_an_address_nor_kept_by_the_browser(explorer: Explorer) -> None:
    await explorer.sign_in()
    successful(await explorer.run("01-viewer"))
    await explorer.start(SUBSCRIPTIONS[0])
    await expect(explorer.page.get_by_role("button", name="Stop query")).to_be_visible()
    await explorer.page.wait_for_function(
        "() => 'graphiql:queries' in localStorage && 'graphiql:tabState' in localStorage"
    )
    kept = await explorer.page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert explorer.key not in kept
    assert not [address for address in explorer.addresses if explorer.key in address]
    await explorer.page.reload()
    await expect(explorer.page.get_by_label("Headers").get_by_text("ak_…")).to_be_visible()


async def test_the_policy_forbids_everything_that_the_page_does_not_need(browser: Browser, served: Served) -> None:
    page = await browser.new_page()
    response = await page.goto(f"{served.url.rstrip('/')}/graphql")
    assert response is not None
    policy = await response.header_value("content-security-policy") or ""
    directives = {name: values for name, *values in (part.split() for part in policy.split(";") if part.strip())}
    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == ["'self'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["frame-ancestors"] == ["'none'"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_that_is_ours(explorer: Explorer, scheme: Literal["light", "dark"]) -> None:
    page = explorer.page
    await page.emulate_media(color_scheme=scheme)
    await page.reload()
    await explorer.sign_in()
    successful(await explorer.run("01-viewer"))
    await page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = set[str]()
    for plugin in ("Documentation Explorer", "GraphiQL Explorer", "History", "Examples"):
        await page.get_by_role("button", name=f"Show {plugin}").click()
        await expect(page.get_by_role("button", name=f"Hide {plugin}")).to_be_visible()
        violations = await page.evaluate("async () => (await axe.run(document)).violations.map(({ id }) => id)")
        found.update(violations)
    assert found <= ACCEPTED_AXE_RULES
