"""The published suites of chains, in the folder that ANCHORAGE_VECTORS names."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(os.environ.get("ANCHORAGE_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")
needed = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no test vectors in {VECTORS}")

LIMBO = "limbo-core.json.gz"
BETTERTLS = "bettertls-nameconstraints.json.gz"


def cases(file: str) -> list[dict[str, Any]]:
    """The cases of a file, whichever of the two layouts it has."""
    content = json.loads(gzip.decompress((VECTORS / file).read_bytes()))
    return content if isinstance(content, list) else content["testcases"]
