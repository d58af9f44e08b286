"""Keras models in memory, without a file, with weights none of which is trivial."""

from pathlib import Path
from typing import Any

import numpy as np

from genrebench.porting import definitions as definitions
from genrebench.porting.proof.subject import draw_weights
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.version import KerasVersion
from tests.reading.files import functional, layer, sequential

__all__ = ["functional", "layer", "model_of", "sequential"]


def model_of(
    config: dict[str, Any], *, version: str = "2.4.0", loss: dict[str, Any] | None = None, path: str = "model.h5"
) -> KerasModel:
    """Make a model of a config, with weights that are drawn, in float32 as a file has them."""
    known = KerasVersion.read(version)
    graph: Graph = Builder(known).build(config)
    assert not graph.problems, graph.problems
    empty = KerasModel(Path(path), "h5", known, graph, {}, loss, (), ())
    weights = {name: value.astype(np.float32) for name, value in draw_weights(empty, seed=7).items()}
    return KerasModel(Path(path), "h5", known, graph, weights, loss, (), ())
