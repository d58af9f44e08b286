"""Which hypotheses are tried on which call, special ones before general ones."""

from typing import Any

from genrebench.parity.ledger.base import Entry
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.activation import ACTIVATION_ENTRIES
from genrebench.porting.proof.causes.attention import ATTENTION_ENTRIES, MASK_ENTRIES
from genrebench.porting.proof.causes.general import GENERAL_ENTRIES, SINGLE
from genrebench.porting.proof.causes.normalization import NORMALIZATION_ENTRIES
from genrebench.porting.proof.causes.recurrent import RECURRENT_ENTRIES
from genrebench.porting.proof.causes.shape import SHAPE_ENTRIES, SKIPPED
from genrebench.porting.proof.causes.windows import WINDOW_ENTRIES

CALL_ENTRIES: tuple[Entry[Any], ...] = (
    SINGLE,
    *MASK_ENTRIES,
    *RECURRENT_ENTRIES,
    *WINDOW_ENTRIES,
    *NORMALIZATION_ENTRIES,
    *ATTENTION_ENTRIES,
    *SHAPE_ENTRIES,
    *ACTIVATION_ENTRIES,
    *GENERAL_ENTRIES,
    SKIPPED,
)


def call_entries(case: CallCase) -> tuple[Entry[Any], ...]:
    """List the entries for a call: those of its kind, of the kinds in a wrapper, and of any."""
    names = {case.kind.name, *(kind.name for _, kind in case.parts())}
    return tuple(entry for entry in CALL_ENTRIES if not entry.kinds or names & set(entry.kinds))
