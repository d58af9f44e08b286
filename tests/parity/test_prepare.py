"""From a request to inputs: which network, which weights, which inputs, and how a report describes them."""

from pathlib import Path

import numpy as np
import pytest

from genrebench.audio.standardize import Standardizer
from genrebench.data.dataset import load_dataset
from genrebench.errors import ConfigError
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Dense, Flatten, MaxPooling2D
from genrebench.parity.prepare import prepare
from genrebench.parity.request import ParityRequest
from genrebench.system.files import write_json
from tests.parity.conftest import SMALL

GENRES = ("blues", "disco", "jazz", "rock")


def model() -> Model:
    """Make a model with random weights."""
    return Model(
        architecture=SMALL,
        weights=SMALL.initial_weights(0),
        mel=None,
        standardizer=Standardizer(-40.0, 15.0),
        genres=GENRES,
    )


def test_the_network_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    """By its size, as an object, or as a file; weights and inputs are random."""
    write_json(tmp_path / "small.json", SMALL.to_json())
    for request, expected in (
        (ParityRequest(input_shape=(17, 20)), genre_cnn((17, 20))),
        (ParityRequest(architecture=SMALL), SMALL),
        (ParityRequest(architecture=tmp_path / "small.json"), SMALL),
    ):
        inputs, description = prepare(request)
        assert inputs.architecture == expected
        assert inputs.spectrograms is None
        assert (description.weights, description.genres) == ("random, seed 0", ())
        assert description.inputs == "4 random inputs, 17 x 20 x 1, seed 0"


def test_a_trained_model_brings_weights_genres_and_something_to_be_tried_on() -> None:
    """Without a tree it is tried on random inputs, and the report says so; weights of one's own go before its own."""
    saved = model()
    inputs, description = prepare(ParityRequest(model=saved, batch_size=2, seed=3))
    np.testing.assert_array_equal(inputs.weights["dense/kernel"], saved.weights["dense/kernel"])
    assert inputs.spectrograms is not None
    assert inputs.spectrograms.shape == (64, *SMALL.input_shape)
    assert description.genres == GENRES
    assert description.inputs.endswith("the trained model is tried on random inputs, for lack of --data")
    other = SMALL.initial_weights(1)
    inputs, description = prepare(ParityRequest(model=saved, weights=other))
    np.testing.assert_array_equal(inputs.weights["dense/kernel"], other["dense/kernel"])
    assert description.weights == "as given"


def test_inputs_from_a_tree_are_standardized(small_dataset: Path) -> None:
    """The network fits the tree; its spectrograms have mean 0 and deviation 1; another size is refused by name."""
    tree = load_dataset(small_dataset)
    inputs, description = prepare(ParityRequest(data=small_dataset, batch_size=8))
    assert inputs.architecture == genre_cnn(tree.spectrograms.shape[1:], len(tree.genres))
    everything = Standardizer.fit(tree.spectrograms, np.arange(len(tree.spectrograms)))
    standardized = everything.apply(tree.spectrograms)[..., None]
    assert all(any(np.array_equal(x, each) for each in standardized) for x in inputs.x.astype(np.float32))
    assert f"spectrograms from {small_dataset}" in description.inputs
    with pytest.raises(ConfigError, match="expected spectrograms of"):
        prepare(ParityRequest(data=small_dataset, architecture=SMALL))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ParityRequest(architecture=SMALL, input_shape=(17, 20)), "expected one of --architecture, --input-shape"),
        (ParityRequest(architecture=SMALL, weights={}), "expected the weights of this architecture"),
        (
            ParityRequest(architecture=Architecture((4, 5, 1), (MaxPooling2D((2, 2), (2, 2)), Flatten()))),
            "received 0 weights and 4",
        ),
        (ParityRequest(architecture=Architecture((4, 5, 1), (Flatten(), Dense(1)))), r"and 1 logit\(s\)"),
    ],
)
def test_what_proves_nothing_is_refused(request_: ParityRequest, message: str) -> None:
    """Two networks, weights of another one, a network without weights, one without classes."""
    with pytest.raises(ConfigError, match=message):
        prepare(request_)
