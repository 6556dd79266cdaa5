"""The tables that lists are asked of, for Tortoise's query builder. The migrations make them; nothing here does.

Instants are microseconds since 1970 in UTC, ids 32 hexadecimal digits, hashes bytes: the same on both engines.
"""

from tortoise import fields
from tortoise.models import Model


class Account(Model):
    """The tenant: owner of certificates, keys, people and a log."""

    id = fields.CharField(max_length=32, primary_key=True)
    version = fields.IntField()
    name = fields.TextField()
    tier = fields.CharField(max_length=16)
    limit_override = fields.IntField(null=True)
    certificate_limit = fields.IntField()
    certificate_used = fields.IntField()
    require_possession = fields.BooleanField()
    suspend_devices = fields.BooleanField()
    audit_all_decisions = fields.BooleanField()
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        """Where it lies."""

        table = "account"


class Certificate(Model):
    """A record: one chain in one account."""

    id = fields.CharField(max_length=32, primary_key=True)
    account_id = fields.CharField(max_length=32)
    version = fields.IntField()
    name = fields.TextField()
    description = fields.TextField(null=True)
    status = fields.CharField(max_length=16)
    service = fields.CharField(max_length=16)
    usage = fields.CharField(max_length=16)
    possession = fields.CharField(max_length=16)
    fingerprint = fields.BinaryField()
    subject_key_sha256 = fields.BinaryField()
    chain = fields.BinaryField()
    search_text = fields.TextField()
    expires_at = fields.BigIntField()
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()
    created_by_type = fields.CharField(max_length=16)
    created_by_id = fields.CharField(max_length=32, null=True)
    created_audit_id = fields.CharField(max_length=32)
    is_developer = fields.BooleanField()
    devices_suspended_at = fields.BigIntField(null=True)

    class Meta:
        """Where it lies."""

        table = "certificate"


class ApiKey(Model):
    """A credential for programs."""

    id = fields.CharField(max_length=32, primary_key=True)
    account_id = fields.CharField(max_length=32)
    version = fields.IntField()
    name = fields.TextField()
    role = fields.CharField(max_length=16)
    client_cert = fields.CharField(max_length=16, null=True)
    hint = fields.CharField(max_length=32)
    secret_sha256 = fields.BinaryField()
    created_at = fields.BigIntField()
    expires_at = fields.BigIntField(null=True)
    revoked_at = fields.BigIntField(null=True)
    last_used_at = fields.BigIntField(null=True)

    class Meta:
        """Where it lies."""

        table = "api_key"


class PortalUser(Model):
    """A person who may sign in."""

    id = fields.CharField(max_length=32, primary_key=True)
    account_id = fields.CharField(max_length=32)
    version = fields.IntField()
    name = fields.TextField()
    role = fields.CharField(max_length=16)
    password_hash = fields.TextField()
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        """Where it lies."""

        table = "portal_user"


class Enrollment(Model):
    """A claim of a device's identity."""

    id = fields.CharField(max_length=32, primary_key=True)
    account_id = fields.CharField(max_length=32)
    version = fields.IntField()
    fingerprint = fields.BinaryField()
    created_at = fields.BigIntField()
    expires_at = fields.BigIntField(null=True)
    claimed_at = fields.BigIntField(null=True)
    device_id = fields.CharField(max_length=32, null=True)
    job_id = fields.CharField(max_length=32, null=True)
    released_at = fields.BigIntField(null=True)
    created_audit_id = fields.CharField(max_length=32)

    class Meta:
        """Where it lies."""

        table = "enrollment"


class Job(Model):
    """What is worked off in batches."""

    id = fields.CharField(max_length=32, primary_key=True)
    account_id = fields.CharField(max_length=32)
    kind = fields.CharField(max_length=32)
    status = fields.CharField(max_length=16)
    created_at = fields.BigIntField()
    completed_at = fields.BigIntField(null=True)
    total_count = fields.IntField()
    processed_count = fields.IntField()
    errors_count = fields.IntField()
    input_sha256 = fields.BinaryField()
    input_bytes = fields.BigIntField()
    chunk_count = fields.IntField()
    cursor = fields.IntField()

    class Meta:
        """Where it lies."""

        table = "job"


class AuditEntry(Model):
    """The numbers and hashes of an entry; its body and disclosures lie in tables of their own."""

    seq = fields.BigIntField(primary_key=True)
    id = fields.CharField(max_length=32)
    account_id = fields.CharField(max_length=32, null=True)
    stream = fields.TextField()
    aseq = fields.BigIntField()
    prev = fields.BinaryField()
    body_sha256 = fields.BinaryField()
    hash = fields.BinaryField()
    time = fields.BigIntField()
    actor_type = fields.CharField(max_length=16)
    actor_id = fields.CharField(max_length=64, null=True)
    action = fields.CharField(max_length=64)
    result = fields.CharField(max_length=16)
    code = fields.CharField(max_length=64, null=True)
    target_type = fields.CharField(max_length=32, null=True)
    target_id = fields.CharField(max_length=64, null=True)

    class Meta:
        """Where it lies."""

        table = "audit_entry"
