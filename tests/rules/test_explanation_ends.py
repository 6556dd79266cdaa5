"""Where a path of an explained decision ends: at an anchor, or at a certificate that is none of the service asked for.

I (the trusted CA of the record that admits)
└── S (expired, the trusted CA of another record) ── E
"""

from typing import Any

import pytest

from app.reasons import Reason
from app.rules.explanation import Place
from app.terms import Possession, Service
from tests.connecting import device
from tests.rules.test_explanation import PAST, ROOT, TRUSTED, explained, record, sub

EXPIRED = sub(**PAST)
DEVICE = device("E", EXPIRED)


@pytest.mark.parametrize("how", [{"service": Service.LWM2M}, {"possession": Possession.PENDING}])
def test_a_ca_on_the_way_whose_record_does_not_count_here_is_an_intermediate(how: Any) -> None:
    records = (record(TRUSTED, ROOT), record(EXPIRED, TRUSTED, ROOT, **how))
    decision, (path,) = explained([DEVICE], *records)

    assert decision.reason is Reason.CERT_EXPIRED
    assert [step.place for step in path.steps] == [Place.DEVICE, Place.INTERMEDIATE]


def test_an_anchor_that_has_a_flaw_is_the_anchor() -> None:
    decision, (path,) = explained([DEVICE], record(EXPIRED, TRUSTED, ROOT))

    assert decision.reason is Reason.CERT_EXPIRED
    assert [step.place for step in path.steps] == [Place.DEVICE, Place.ANCHOR]
