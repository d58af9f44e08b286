"""Which hypotheses are tried on which call, special ones before general ones."""

from dataclasses import replace
from functools import partial
from typing import Any

from genrebench.network.types import Array
from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.activation import ACTIVATION_ENTRIES
from genrebench.porting.proof.causes.attention import ATTENTION_ENTRIES, MASK_ENTRIES
from genrebench.porting.proof.causes.functions import FUNCTION_ENTRIES
from genrebench.porting.proof.causes.general import GENERAL_ENTRIES, SINGLE
from genrebench.porting.proof.causes.normalization import NORMALIZATION_ENTRIES
from genrebench.porting.proof.causes.recurrent import RECURRENT_ENTRIES
from genrebench.porting.proof.causes.shape import SHAPE_ENTRIES, SKIPPED
from genrebench.porting.proof.causes.windows import WINDOW_ENTRIES
from genrebench.reading.kinds.recurrent import Bidirectional, TimeDistributed, _Recurrent
from genrebench.reading.submodel import Submodel

CALL_ENTRIES: tuple[Entry[Any], ...] = (
    SINGLE,
    *MASK_ENTRIES,
    *RECURRENT_ENTRIES,
    *WINDOW_ENTRIES,
    *NORMALIZATION_ENTRIES,
    *ATTENTION_ENTRIES,
    *SHAPE_ENTRIES,
    *FUNCTION_ENTRIES,
    *ACTIVATION_ENTRIES,
    *GENERAL_ENTRIES,
    SKIPPED,
)


def call_entries(case: CallCase) -> tuple[Entry[Any], ...]:
    """List the entries for a call: those of its kind, of the kinds in a wrapper, and of any."""
    if isinstance(case.kind, TimeDistributed) and not isinstance(
        case.kind.layer, Submodel | _Recurrent | Bidirectional
    ):
        return tuple(replace(entry, predict=partial(_unfolded, entry)) for entry in call_entries(_folded(case)))
    names = {case.kind.name, *(kind.name for _, kind in case.parts())}
    return tuple(entry for entry in CALL_ENTRIES if not entry.kinds or names & set(entry.kinds))


def _folded(case: CallCase) -> CallCase:
    """Take steps of time for samples, as a layer in TimeDistributed does."""
    count = case.x.shape[0] * case.x.shape[1]

    def fold(array: Array) -> Array:
        """Fold both axes into one."""
        return array.reshape(count, *array.shape[2:])

    layer = replace(case.call.layer, kind=case.kind.layer)
    return replace(
        case,
        received=fold(case.received) if case.received.shape == case.expected.shape else case.received,
        expected=fold(case.expected),
        call=replace(case.call, layer=layer),
        inputs=(fold(case.x), *case.inputs[1:]),
        masks=(None,),
    )


def _unfolded(entry: Entry[Any], case: CallCase) -> Predictions:
    """Predict for the layer inside, and give its steps back."""
    for each in entry.predict(_folded(case)):
        yield Prediction(each.explanation, each.value.reshape(case.expected.shape), **each.parameters)
