"""What values take of memory, looked at from outside: everything that is reached from them, each once."""

import gc
from enum import Enum
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, ModuleType

from app.rules.certificate import ParsedCertificate

_SHARED = (type, Enum, FunctionType, BuiltinFunctionType, ModuleType)


def reached(*roots: object) -> list[object]:
    """The objects that these keep alive, themselves among them, but for what belongs to the program."""
    found = dict[int, object]()
    waiting = list(roots)
    while waiting:
        each = waiting.pop()
        if id(each) not in found and not isinstance(each, _SHARED):
            found[id(each)] = each
            waiting.extend(gc.get_referents(each))
    return list(found.values())


def bytes_held(*roots: object) -> int:
    """How many bytes of Python's memory these keep."""
    return sum(map(getsizeof, reached(*roots)))


def is_held(certificate: ParsedCertificate) -> bool:
    """Whether a certificate that was read from the same bytes is anywhere in memory, beside this one."""
    gc.collect()
    return any(
        isinstance(each, ParsedCertificate) and each == certificate and each is not certificate
        for each in gc.get_objects()
    )
