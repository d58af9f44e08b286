"""Where Keras 3 is no witness of what Keras 2 computed."""

import numpy as np

from genrebench.porting.proof.versions import cropped_otherwise, merged_otherwise
from genrebench.porting.reference import GraphReference
from genrebench.reading.version import KerasVersion
from tests.porting.source.models import embedded, read
from tests.reading.files import KERAS_2, KERAS_3, functional, input_layer, layer, node, sequential


def first_otherwise(kind: str, second: str, version: KerasVersion) -> str:
    """Merge two embeddings, and ask."""
    document = functional(
        input_layer("a", 4),
        input_layer("b", 4),
        embedded("x", "a"),
        embedded("y", "b"),
        node("Embedding", "plain", ["b"], input_dim=9, output_dim=4),
        node(kind, "merged", ["x", second]),
        node("LSTM", "lstm", ["merged"], units=2),
        inputs=["a", "b"],
        outputs=["lstm"],
    )
    model = read(document, version)
    inputs = {"a": np.array([[1, 2, 0, 0]]), "b": np.array([[0, 3, 4, 0]])}
    return merged_otherwise(model.graph, GraphReference(model.graph, model.weights).run(inputs).masks)


def test_masks_that_differ_are_merged_otherwise_by_keras_3() -> None:
    """And where one input has none; the same mask twice is the same in both, as is a file of Keras 3."""
    for kind in ("Add", "Maximum", "Concatenate"):
        assert first_otherwise(kind, "y", KERAS_2) == "merged"
        assert first_otherwise(kind, "plain", KERAS_2) == "merged"
        assert first_otherwise(kind, "x", KERAS_2) == ""
        assert first_otherwise(kind, "y", KERAS_3) == ""


def test_images_that_are_made_another_size_are_cropped_otherwise_by_keras_3() -> None:
    """Which lets them pass; where they have that size already, there is no difference."""
    for height, expected in ((4, "crop"), (6, "")):
        document = sequential(layer("RandomCrop", "crop", height=height, width=6), shape=(6, 6, 1))
        assert cropped_otherwise(read(document, KerasVersion.read("2.12.0")).graph) == expected
