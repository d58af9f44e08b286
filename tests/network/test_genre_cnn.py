"""The network of the brief: its parameters, its shapes, and that it stays what recorded models were trained with."""

import hashlib
import json
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn

RECORDED = Path(__file__).parents[2] / "results/gtzan_mini/model.json"


def test_it_has_the_specified_parameters() -> None:
    """For 128 x 130 inputs and ten genres, 475,594 parameters, of which 475,402 are trained."""
    nodes = genre_cnn((128, 130), 10).walk()
    assert sum(node.parameters for node in nodes) == 475_594
    assert sum(node.trainable_parameters for node in nodes) == 475_402


def test_it_has_the_specified_shapes() -> None:
    """Each layer has the shape that Keras prints for it; 15 x 15 x 32 = 7,200 values are flattened."""
    assert [node.output_shape for node in genre_cnn().walk()] == [
        *((126, 128, 32), (63, 64, 32), (63, 64, 32)),
        *((61, 62, 32), (31, 31, 32), (31, 31, 32)),
        *((30, 30, 32), (15, 15, 32), (15, 15, 32)),
        *((7200,), (64,), (64,), (10,)),
    ]


def test_its_fingerprint_is_the_recorded_one() -> None:
    """Whatever changes in the code, this is the network that models and reports were made with."""
    assert genre_cnn().fingerprint() == "8be9914e9a43a6f555b3d589f6c5a40542a77589f5b4e3d6c7b0a74cf5480ede"
    assert genre_cnn((33, 20), 4).fingerprint() == "0f0a19c6a8f9da74a02186889b817c7b283d8c34eaa47df78dba8d2b8ab0ecfa"


def test_its_initial_weights_are_the_recorded_ones() -> None:
    """Bit for bit, so that a training with a given seed can be repeated."""
    digest = hashlib.sha256()
    for name, value in sorted(genre_cnn().initial_weights(3).items()):
        digest.update(name.encode() + str(value.dtype).encode() + value.tobytes())
    assert digest.hexdigest() == "9950a50e3884fc122e80ba96f76867b613309bf2ca140e1575740c4cad470f65"


def test_a_recorded_model_reads_and_is_written_as_it_was() -> None:
    """What stands in results/ is the genre network, key for key."""
    document = json.loads(RECORDED.read_text(encoding="utf-8"))["architecture"]
    network = Architecture.from_json(document)
    assert network == genre_cnn((128, 130), network.classes)
    assert json.dumps(network.to_json()) == json.dumps(document)


def test_too_small_spectrograms_are_refused() -> None:
    """The message has the layer, the size and what to do."""
    with pytest.raises(ConfigError, match=r"conv2d_2: expected an input of at least 2 x 2, .+larger spectrograms"):
        genre_cnn((12, 8))
