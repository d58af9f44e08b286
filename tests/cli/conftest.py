"""Reports of parity, and what benchmarks work on: the fixtures of those rooms."""

from tests.bench.conftest import workshop
from tests.parity.conftest import failing, judged, passing

__all__ = ["failing", "judged", "passing", "workshop"]
