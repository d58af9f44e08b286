"""The table of a layer's known divergences."""

from genrebench.network.layers import LAYER_KINDS
from genrebench.parity.ledger.layers import LAYER_ENTRIES


def test_entries_are_distinct_cited_and_about_kinds_that_there_are() -> None:
    """An id names one entry; a kind that is misspelled would never be looked at."""
    assert len({entry.id for entry in LAYER_ENTRIES}) == len(LAYER_ENTRIES)
    assert {kind for entry in LAYER_ENTRIES for kind in entry.kinds} <= LAYER_KINDS.keys()
    assert all(entry.title and entry.citation for entry in LAYER_ENTRIES)
