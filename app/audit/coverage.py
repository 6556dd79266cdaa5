"""What the log does not say: what is not recorded, and what its verification cannot see. Every report prints this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that leaves no trace in the log, and why that is so or what to look at instead."""

    what: str
    why: str


NOT_AUDITED = (
    Gap(
        "Reading certificates, keys, accounts, quotas, claims of devices and jobs",
        "Ordinary reads change nothing. Reading and exporting this log are recorded.",
    ),
    Gap(
        "The valid use of an API key",
        "What is done with a key is recorded; that it was used at all shows in its last use, to the hour.",
    ),
    Gap(
        "Each single refusal of a stranger, past 20 equal ones in a minute",
        "They are one entry that counts them, so that strangers cannot make the log grow without bounds.",
    ),
    Gap(
        "Each single claim of a file of identities, and each refused line of it",
        "One entry tells of up to a thousand lines: their numbers, how many were claimed, released and refused, and a"
        " digest over the identities, which verification holds the claims against. The job's report names the lines.",
    ),
    Gap(
        "Requests that are refused unread, in the log of an account",
        "They stand in the installation's own streams, which its operator reads.",
    ),
    Gap(
        "Looks at certificates that find nothing new",
        "They change nothing. What appears or goes is recorded; when each account was looked at shows in the database.",
    ),
    Gap(
        "Health probes, metrics, and the files of the portal",
        "They say nothing about an account.",
    ),
    Gap(
        "Starts and stops of servers, and changes of their settings",
        "They are the operating system's to record.",
    ),
    Gap(
        "`anchorage audit verify`",
        "It only reads, also a copy of the database, and must work where nothing can be written.",
    ),
    Gap(
        "Direct access to the database or its files by whoever owns them",
        "Changes are found by `anchorage audit verify`; reading leaves no trace.",
    ),
    Gap(
        "Passwords, and the secrets of keys",
        "Neither they nor their hashes stand in the log, so a hash that was exchanged behind it cannot be seen there.",
    ),
    Gap(
        "The newest entries of a stream, cut off together with all their effects",
        "Only somebody who kept a later hash elsewhere can prove it: every report names one.",
    ),
)
"""Sentences for people; a new kind of act that is not recorded adds its own here."""

UNSIGNED = Gap(
    "What was removed together with everything after it, or written anew from its beginning",
    "No checkpoint of this log has been signed yet, so the entries are chained and nothing outside vouches for them.",
)
"""For an export that was made before the first checkpoint."""
