"""Documents are kept for the next request, and what may be a secret is not."""

import pytest

from app.transport.graphql.documents import Document, Documents
from app.transport.graphql.errors import RequestError
from app.transport.graphql.limits import Limits
from tests.transport.endpoint.small_schema import CORE

pytestmark = pytest.mark.once


def ready(documents: Documents, source: str, *, may_introspect: bool = True) -> Document:
    """The document of a source."""
    return documents.ready(source, may_introspect=may_introspect)


def test_the_same_source_is_parsed_and_validated_once() -> None:
    documents = Documents(CORE, Limits())
    first = ready(documents, "{hello}")
    assert ready(documents, "{" + "hello}") is first
    assert ready(documents, "{hello }") is not first


def test_what_one_caller_may_read_is_not_kept_for_another() -> None:
    documents = Documents(CORE, Limits())
    ready(documents, "{__schema{queryType{name}}}")
    with pytest.raises(RequestError) as refused:
        ready(documents, "{__schema{queryType{name}}}", may_introspect=False)
    assert refused.value.recorded == "GRAPHQL_VALIDATION_FAILED"


def test_the_least_recently_used_document_goes_first() -> None:
    documents = Documents(CORE, Limits(), kept_characters=16 * 16)
    sources = [f"{{a{n:02}:hello}}" for n in range(23)]
    kept = [ready(documents, source) for source in sources]
    assert ready(documents, sources[0]) is kept[0]
    ready(documents, "{another:hello}")
    ready(documents, "{a_third:hello}")
    assert ready(documents, sources[0]) is kept[0]
    assert ready(documents, sources[1]) is not kept[1]


def test_a_document_with_a_long_literal_or_of_great_length_is_not_kept() -> None:
    documents = Documents(CORE, Limits())
    long = "x" * 257
    for source in (f'{{hello(name:"{long}")}}', f'{{hello(name:"""{long}""")}}', "{hello}" + " " * 70_000):
        assert ready(documents, source) is not ready(documents, source)
    short = f'{{hello(name:"{long[1:]}")}}'
    assert ready(documents, short) is ready(documents, short)


def test_a_document_that_is_refused_is_not_kept() -> None:
    documents = Documents(CORE, Limits())
    for _ in range(2):
        with pytest.raises(RequestError):
            ready(documents, "{unknown}")
