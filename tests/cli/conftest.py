"""Reports of parity: the fixtures of that room."""

from tests.parity.conftest import failing, judged, passing

__all__ = ["failing", "judged", "passing"]
