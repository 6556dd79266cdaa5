"""Events for a SIEM keep to the published class: API Activity of OCSF 1.8.0."""

import json
from datetime import UTC, datetime

import jsonschema  # type: ignore[import-untyped]  # it brings no types
import orjson
import pytest
from ocsf_json_schema import (  # type: ignore[import-untyped]  # as above
    OcsfJsonSchemaEmbedded,
    get_ocsf_schema,
)

from app.audit.export import Header, Proof, Selection
from app.audit.ocsf import VERSION, ocsf_event, ocsf_line
from tests.audit.test_records import PINNED, stored

pytestmark = pytest.mark.once

NOTE = "log.example/audit\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log.example/audit AAAAAAAAAAA=\n"
HEADER = Header(
    account_id="a" * 32,
    account_name="Northwind",
    made_at=datetime(2026, 6, 1, tzinfo=UTC),
    software="anchorage/1",
    selection=Selection(),
    personal_data=True,
    runs=(),
    proof=Proof(NOTE, "log.example/audit+00000000+AA=="),
)
SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION)).get_class_schema("api_activity", ["security_control"])
CLASS = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("name", PINNED)
def test_every_kind_of_entry_is_an_event_of_the_class(name: str) -> None:
    for entry in (stored(name), stored(name)._replace(disclosures={}), stored(name)._replace(body=None)):
        event = json.loads(ocsf_line(entry, HEADER))

        assert [error.message for error in CLASS.iter_errors(event)] == []
        assert (event["category_uid"], event["class_uid"]) == (6, 6003)
        assert event["type_uid"] == 600_300 + event["activity_id"]
        assert event["action_id"] == {"success": 1, "refused": 2, "failed": 0}[entry.result]
        assert event["time"] == entry.time // 1000
        assert event["unmapped"]["checkpoint"] == {"origin": "log.example/audit", "size": 7}


def test_the_class_refuses_what_it_does_not_know() -> None:
    event = json.loads(ocsf_line(stored("certificate.upload"), HEADER))

    for spoilt in ({**event, "time": "now"}, {**event, "colour": "red"}, {**event, "action_id": 77}):
        assert list(CLASS.iter_errors(spoilt))
    del event["src_endpoint"]
    assert list(CLASS.iter_errors(event))


def test_an_event_says_who_did_what_to_what_from_where() -> None:
    event = json.loads(orjson.dumps(ocsf_event(stored("certificate.set_status"), HEADER)))

    assert event["actor"]["user"] == {"type_id": 1, "type": "User", "uid": event["actor"]["user"]["uid"],
                                      "name": "ada@example.test"}  # fmt: skip
    assert (event["activity_id"], event["api"]["operation"]) == (3, "certificate.set_status")
    assert event["src_endpoint"] == {"ip": "192.0.2.7"}
    assert event["resources"][0]["name"] == "Plant Zürich \u2028 “1”"
    assert event["metadata"]["product"]["name"] == "Anchorage"
    assert (event["status_id"], event["unmapped"]["reason"]) == (1, "The key leaked")
