"""Classes whose docstrings are their descriptions in the schema: said once, for whoever reads either."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, EnumMeta
from typing import Any, TypeVar, dataclass_transform

import strawberry
from strawberry.types.enum import EnumValue, StrawberryEnumDefinition

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def description_of(documented: object) -> str:
    """The docstring as the schema shows it: one line per paragraph.

    Raises TypeError where there is none: nothing in the schema goes undescribed.
    """
    doc = getattr(documented, "__doc__", None)
    if not doc:
        raise TypeError(f"{documented!r} has no docstring, which would be its description in the schema")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(doc).split("\n\n"))


def attribute(description: str, **options: Any) -> Any:  # noqa: ANN401  # it stands for a value of the field's type
    """A plain value of an object, or a field of an input; `options` are `strawberry.field`'s, for example `default`."""
    return strawberry.field(description=description, **options)


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
def object_type(cls: type[T]) -> type[T]:
    """An object type."""
    return strawberry.type(cls, description=description_of(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
def interface(cls: type[T]) -> type[T]:
    """An interface."""
    return strawberry.interface(cls, description=description_of(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
def input_type(cls: type[T]) -> type[T]:
    """An input object."""
    return strawberry.input(cls, description=description_of(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
def one_of(cls: type[T]) -> type[T]:
    """An input object of which exactly one field is given."""
    return strawberry.input(cls, description=description_of(cls), one_of=True)


def enumeration(cls: type[E], name: str, description: str, values: Mapping[E, str]) -> None:
    """Make a schema's enum of one of our own, under the names of its members; `values` describes each.

    A member that is left out of `values` is not part of the schema. The members stay what they are everywhere else, so
    that nothing has to be converted.
    """
    described = [EnumValue(member.name, member.value, description=text) for member, text in values.items()]
    _define(cls, name, description, described)


def _define(cls: EnumMeta, name: str, description: str, values: Iterable[EnumValue]) -> None:
    definition = StrawberryEnumDefinition(wrapped_cls=cls, name=name, values=list(values), description=description)
    cls.__strawberry_definition__ = definition  # type: ignore[attr-defined]  # how Strawberry knows an enum


Resolver = Callable[..., Any]
