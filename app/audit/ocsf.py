"""Entries as events of the Open Cybersecurity Schema Framework: class API Activity (6003), for a SIEM to take in.

Source of the class and its values: the published OCSF schema, version 1.8.0.
"""

from collections.abc import Mapping
from ipaddress import ip_address

import orjson

from app.audit.disclosed import disclosed
from app.audit.export import Header
from app.audit.states import Json, JsonValue
from app.audit.stored import StoredEntry

VERSION = "1.8.0"
CLASS_UID = 6003
TYPE_UID = 600_300

_ACTIVITIES = {
    "create": (1, "Create"),
    "upload": (1, "Create"),
    "challenge": (1, "Create"),
    "claim": (1, "Create"),
    "read": (2, "Read"),
    "export": (2, "Read"),
    "update": (3, "Update"),
    "revoke": (3, "Update"),
    "prove": (3, "Update"),
    "delete": (4, "Delete"),
    "release": (4, "Delete"),
    "use": (3, "Update"),
}
"""By the last word of an action; `set_…` is an update, and the rest has no counterpart in the class."""
_OTHER = 99
_STATUSES = {"success": (1, "Success"), "refused": (2, "Failure"), "failed": (2, "Failure")}
_DECISIONS = {"success": (1, "Allowed"), "refused": (2, "Denied")}
"""What failed through our fault was neither allowed nor denied."""
_SEVERITIES = {"success": (1, "Informational"), "refused": (2, "Low"), "failed": (3, "Medium")}
_USERS = {"user": (1, "User"), "api_key": (4, "Service"), "system": (3, "System"), "anonymous": (0, "Unknown")}


def ocsf_line(entry: StoredEntry, header: Header) -> bytes:
    """The event on a line of its own."""
    return orjson.dumps(ocsf_event(entry, header), option=orjson.OPT_APPEND_NEWLINE)


def ocsf_event(entry: StoredEntry, header: Header) -> Json:
    """The event of an entry. What the class has no place for stands in `unmapped`, the export's checkpoint with it."""
    body: Json = orjson.loads(entry.body) if entry.body else {}
    digests = body.get("_sd")
    claims = disclosed(entry.disclosures.values(), [str(one) for one in digests] if isinstance(digests, list) else ())
    activity_id, activity = _activity(entry.action)
    status_id, status = _STATUSES.get(entry.result, (0, "Unknown"))
    action_id, decision = _DECISIONS.get(entry.result, (0, "Unknown"))
    severity_id, severity = _SEVERITIES.get(entry.result, (0, "Unknown"))
    event: dict[str, JsonValue] = {
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS_UID,
        "class_name": "API Activity",
        "type_uid": TYPE_UID + activity_id,
        "type_name": f"API Activity: {activity if activity_id != _OTHER else 'Other'}",
        "activity_id": activity_id,
        "activity_name": activity,
        "time": entry.time // 1000,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "action_id": action_id,
        "action": decision,
        "message": f"{entry.action}: {entry.result}{f' ({entry.code})' if entry.code else ''}",
        "actor": {"user": _user(entry, claims)},
        "api": _api(entry, body),
        "src_endpoint": _source(claims),
        "metadata": _metadata(entry, body),
        "raw_data_hash": {"algorithm": "SHA-256", "algorithm_id": 3, "value": entry.body_sha256.hex()},
        "unmapped": _unmapped(entry, body, header),
    }
    if entry.code is not None:
        event["status_code"] = entry.code
    if "client.agent" in claims:
        event["http_request"] = {"user_agent": claims["client.agent"]}
    if entry.target_type is not None:
        event["resources"] = [_resource(entry, body)]
    return event


def _activity(action: str) -> tuple[int, str]:
    verb = action.rpartition(".")[2]
    if verb.startswith("set_"):
        verb = "update"
    return _ACTIVITIES.get(verb, (_OTHER, verb))


def _user(entry: StoredEntry, claims: Mapping[str, str]) -> Json:
    type_id, name = _USERS.get(entry.actor_type, (_OTHER, entry.actor_type))
    user: dict[str, JsonValue] = {"type_id": type_id, "type": name}
    if entry.actor_id:
        user["uid"] = entry.actor_id
    if "actor.name" in claims:
        user["name"] = claims["actor.name"]
    elif not entry.actor_id:
        # The class asks for a name or an id of whoever acted.
        user["name"] = entry.actor_type
    return user


def _api(entry: StoredEntry, body: Json) -> Json:
    api: dict[str, JsonValue] = {"operation": entry.action, "service": {"name": "anchorage"}}
    request_id = _part(body, "request").get("id")
    if isinstance(request_id, str):
        api["request"] = {"uid": request_id}
    if entry.code is not None:
        api["response"] = {"error": entry.code}
    return api


def _source(claims: Mapping[str, str]) -> Json:
    address = claims.get("client.address")
    if address is None:
        return {"name": "unknown"}
    try:
        # A zone (`%eth0`) is the machine's own matter.
        return {"ip": str(ip_address(address.partition("%")[0]))}
    except ValueError:
        return {"name": address}


def _metadata(entry: StoredEntry, body: Json) -> Json:
    product: dict[str, JsonValue] = {"name": "Anchorage", "vendor_name": "Anchorage"}
    software = body.get("software")
    if isinstance(software, str):
        product["version"] = software.rpartition("/")[2]
    told: dict[str, JsonValue] = {
        "version": VERSION,
        "product": product,
        "profiles": ["security_control"],
        "uid": entry.id,
        "event_code": entry.action,
        "log_name": entry.stream,
        "sequence": entry.aseq,
    }
    if entry.account_id is not None:
        told["tenant_uid"] = entry.account_id
    if isinstance(body.get("time"), str):
        told["original_time"] = body["time"]
    request_id = _part(body, "request").get("id")
    if isinstance(request_id, str):
        told["correlation_uid"] = request_id
    return told


def _resource(entry: StoredEntry, body: Json) -> Json:
    target = _part(body, "target")
    resource: dict[str, JsonValue] = {"type": entry.target_type}
    if entry.target_id is not None:
        resource["uid"] = entry.target_id
    name, version = target.get("name"), target.get("version")
    if isinstance(name, str):
        resource["name"] = name
    elif entry.target_id is None:
        resource["name"] = entry.target_type
    if isinstance(version, int):
        resource["version"] = str(version)
    return resource


def _unmapped(entry: StoredEntry, body: Json, header: Header) -> Json:
    checkpoint = None if header.proof is None else header.proof.checkpoint
    told: dict[str, JsonValue] = {
        "hash": entry.hash.hex(),
        "prev": entry.prev.hex(),
        "checkpoint": None if checkpoint is None else {"origin": checkpoint.origin, "size": checkpoint.size},
    }
    request = dict(_part(body, "request"))
    request.pop("id", None)
    rest = {"change": body.get("change"), "reason": body.get("reason"), "request": request, "node": body.get("node")}
    return told | {name: value for name, value in rest.items() if value}


def _part(body: Json, name: str) -> Mapping[str, JsonValue]:
    part = body.get(name)
    return part if isinstance(part, dict) else {}
