"""Reports of parity, and what benchmarks work on: the fixtures of those rooms."""

from tests.bench.conftest import workshop
from tests.parity.conftest import compare_copies, failing, passing

__all__ = ["compare_copies", "failing", "passing", "workshop"]
