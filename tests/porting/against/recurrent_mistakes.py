"""Ports of recurrent layers, each with a mistake."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genrebench.network.types import Array
from tests.porting.against.mistake import Mistake, State, linear, recurrent
from tests.reading.files import layer, sequential


def rzn(value: Array) -> Array:
    """Put gates z, r, h as r, z, n, along the first axis."""
    z, r, h = np.split(value, 3)
    return np.concatenate([r, z, h])


def _gru(w: Mapping[str, Array], summed: bool) -> dict[str, Array]:
    """Lay out a GRU with its gates as PyTorch has them."""
    one, two = w["gru/bias"] if w["gru/bias"].ndim == 2 else (w["gru/bias"], 0 * w["gru/bias"])
    bias = (one + two, 0 * two) if summed else (one, two)
    return {name: rzn(value) for name, value in recurrent("gru", w, "gru", bias).items()}


_TEXT = [
    layer(
        "Embedding", "embedding", input_dim=9, output_dim=4, mask_zero=True, batch_input_shape=[None, 6], dtype="int32"
    )
]
_GRU = {"activation": "tanh", "recurrent_activation": "sigmoid"}
_MAKE_GRU = "self.gru = nn.GRU(4, 5, batch_first=True)"
_RUN_GRU = "x = self.gru(x)[0]"
_LSTM_STATE: State = lambda w: recurrent("lstm", w, "lstm", (w["lstm/bias"], 0 * w["lstm/bias"]))  # noqa: E731
_SEQUENCE = {"return_sequences": True}


def _bidirectional() -> dict[str, Any]:
    """Write a bidirectional layer that gives its last state."""
    inner = layer("LSTM", "lstm", units=3, activation="tanh", recurrent_activation="sigmoid")
    return sequential(
        layer("Bidirectional", "both", layer=inner, merge_mode="concat"), layer("Dense", "dense", units=2), shape=(5, 4)
    )


def _both(w: Mapping[str, Array]) -> dict[str, Array]:
    """Lay out both directions."""
    found = linear("dense", w, "dense")
    for way, end in (("forward", ""), ("backward", "_reverse")):
        bias = w[f"both/{way}/bias"]
        found |= recurrent("both", w, f"both/{way}", (bias, 0 * bias), end)
    return found


RECURRENT = [
    Mistake(
        "gate-order",
        sequential(layer("GRU", "gru", units=5, reset_after=True, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU,
        _RUN_GRU,
        lambda w: recurrent("gru", w, "gru", tuple(w["gru/bias"])),
        "gru",
        parameters={"order": "r, z, h"},
    ),
    Mistake(
        "recurrent-bias",
        sequential(layer("GRU", "gru", units=5, reset_after=True, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU,
        _RUN_GRU,
        lambda w: _gru(w, True),
        "gru",
        parameters={"bias": "summed"},
    ),
    Mistake(
        "reset-after",
        sequential(layer("GRU", "gru", units=5, reset_after=False, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU,
        _RUN_GRU,
        lambda w: _gru(w, False),
        "gru",
        parameters={"reset_after": "True"},
    ),
    Mistake(
        "recurrent-bias",
        sequential(layer("LSTM", "lstm", units=5, **_SEQUENCE), shape=(6, 4)),
        "self.lstm = nn.LSTM(4, 5, batch_first=True)",
        "x = self.lstm(x)[0]",
        lambda w: recurrent("lstm", w, "lstm", (w["lstm/bias"], w["lstm/bias"])),
        "lstm",
        parameters={"bias": "doubled"},
    ),
    Mistake(
        "hard-sigmoid",
        sequential(layer("Dense", "dense", units=9, activation="hard_sigmoid"), shape=(4,)),
        "self.dense = nn.Linear(4, 9)",
        "x = F.hardsigmoid(self.dense(x))",
        lambda w: linear("dense", w, "dense"),
        "dense",
        parameters={"version": "hard_sigmoid"},
    ),
    Mistake(
        "hard-sigmoid",
        sequential(layer("Dense", "dense", units=9, activation="hard_sigmoid"), shape=(4,)),
        "self.dense = nn.Linear(4, 9)",
        "x = (0.2 * self.dense(x) + 0.5).clamp(0, 1)",
        lambda w: linear("dense", w, "dense"),
        "dense",
        version="3.5.0",
        parameters={"version": "hard_sigmoid_keras2"},
    ),
    Mistake(
        "ignored-mask",
        sequential(*_TEXT, layer("LSTM", "lstm", units=5, **_SEQUENCE), layer("Dense", "dense", units=2)),
        "self.embedding = nn.Embedding(9, 4)\nself.lstm = nn.LSTM(4, 5, batch_first=True)\n"
        "self.dense = nn.Linear(5, 2)",
        "x = self.dense(self.lstm(self.embedding(x))[0])",
        lambda w: {"embedding.weight": w["embedding/embeddings"], **_LSTM_STATE(w), **linear("dense", w, "dense")},
        "lstm",
        parameters={"mask": "ignored"},
    ),
    Mistake(
        "bidirectional-last",
        _bidirectional(),
        "self.both = nn.LSTM(4, 3, batch_first=True, bidirectional=True)\nself.dense = nn.Linear(6, 2)",
        "x = self.dense(self.both(x)[0][:, -1])",
        _both,
        "dense",
        parameters={"step": "last", "at": "both"},
    ),
    Mistake(
        "time-direction",
        sequential(layer("LSTM", "lstm", units=5, go_backwards=True, **_SEQUENCE), shape=(6, 4)),
        "self.lstm = nn.LSTM(4, 5, batch_first=True)",
        "x = self.lstm(x)[0]",
        _LSTM_STATE,
        "lstm",
    ),
    Mistake(
        "embedding-row",
        sequential(
            layer("Embedding", "embedding", input_dim=9, output_dim=4, batch_input_shape=[None, 6], dtype="int32")
        ),
        "self.embedding = nn.Embedding(9, 4)",
        "x = self.embedding(x)",
        lambda w: {"embedding.weight": w["embedding/embeddings"] * (np.arange(9) != 0)[:, None]},
        "embedding",
    ),
]
