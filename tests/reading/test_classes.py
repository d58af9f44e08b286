"""Classes that are no layers of Keras', and how each is refused."""

from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.reading.classes import read_kind
from genrebench.reading.kinds.base import Kind
from tests.reading.files import KERAS_2, KERAS_3, layer


def kind(document: Any) -> Kind:
    """Read a kind; models are no part of these tests."""
    return read_kind(document, KERAS_3, lambda document: pytest.fail("no model was expected"))


REFUSED = {
    "Lambda": "Python code",
    "TFSMLayer": "which is code",
    "TorchModuleWrapper": "pickled",
    "JaxLayer": "Python code",
    "FlaxLayer": "Python code",
    "StringLookup": "text into numbers",
    "IntegerLookup": "text into numbers",
    "TextVectorization": "text into numbers",
    "StackedRNNCells": "does not know",
    "LocallyConnected2D": "does not know",
    "Arithmetic": "somebody's own",
    "Submodel": "somebody's own",
    "Mine": "somebody's own",
    "__import__('os').system('id')": "somebody's own",
}


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_each_is_refused_for_its_reason_with_a_way_out(name: str, message: str) -> None:
    """Nothing of a name is ever imported, and no function is ever decoded."""
    with pytest.raises(ConfigError, match=message) as caught:
        kind(layer(name, "x", function="4wEAAAAA", filepath="/etc/passwd", module="bm9uZQ=="))
    assert getattr(caught.value, "remedy", "")


@pytest.mark.parametrize(("cell", "name"), [("SimpleRNNCell", "SimpleRNN"), ("LSTMCell", "LSTM"), ("GRUCell", "GRU")])
def test_a_cell_that_is_run_over_time_is_the_layer_of_that_name(cell: str, name: str) -> None:
    """With the settings of both."""
    found = kind(layer("RNN", "x", cell=layer(cell, "y", units=3, dropout=0.1), return_sequences=True))
    assert found == kind(layer(name, "x", units=3, dropout=0.1, return_sequences=True))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (layer("StackedRNNCells", "y", cells=[]), "'StackedRNNCells', a cell of Keras that genrebench does not know"),
        (layer("Mine", "y", units=3), "'Mine', a cell of somebody's own"),
        ({**layer("LSTMCell", "y", units=3), "module": "mine.cells"}, "somebody's own"),
        ({**layer("LSTMCell", "y", units=3), "registered_name": "mine>LSTMCell"}, "somebody's own"),
        (None, "expected a layer"),
    ],
)
def test_a_cell_that_nobody_knows_is_refused(cell: Any, message: str) -> None:
    """As a layer would be."""
    with pytest.raises(ConfigError, match=message):
        kind(layer("RNN", "x", cell=cell))


@pytest.mark.parametrize(
    "document",
    [
        {**layer("Dense", "x", units=2), "registered_name": "Custom>Dense"},
        {**layer("Dense", "x", units=2), "module": "os"},
        {**layer("Dense", "x", units=2), "module": "kerasevil.layers"},
    ],
)
def test_a_foreign_class_with_a_layers_name_is_refused(document: Any) -> None:
    """What it is registered as, and where it comes from, count more than what it is called."""
    with pytest.raises(ConfigError, match="somebody's own"):
        kind(document)


@pytest.mark.parametrize(
    "dtype",
    [
        "int8_from_float32",
        {"module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}},
        {"class_name": "DTypePolicy", "config": {"name": "int4_from_float32"}},
    ],
)
def test_quantized_layers_are_refused(dtype: Any) -> None:
    """Their weights are no floats."""
    with pytest.raises(ConfigError, match="quantized"):
        kind(layer("Dense", "x", units=2, dtype=dtype))


@pytest.mark.parametrize(
    "document", [3, [], {}, {"class_name": 3, "config": {}}, {"class_name": "Dense", "config": "x"}]
)
def test_what_is_no_layer_is_refused(document: Any) -> None:
    """One line."""
    with pytest.raises(ConfigError, match="expected a layer"):
        kind(document)


def test_other_names_of_layers_are_known() -> None:
    """Layers that were renamed, and those of CuDNN."""
    assert kind(layer("BatchNormalizationV1", "x")).name == "BatchNormalization"
    assert kind(layer("SyncBatchNormalization", "x", synchronized=False)).name == "BatchNormalization"
    gru = kind(layer("CuDNNGRU", "x", units=2)).settings()
    assert (gru["recurrent_activation"], gru["reset_after"]) == ("sigmoid", True)
    inner = layer("CuDNNLSTM", "y", units=2)
    both = read_kind(layer("Bidirectional", "x", layer=inner), KERAS_2, lambda document: pytest.fail("no model"))
    assert both.settings()["layer"]["kind"] == "LSTM"
    assert both.settings()["backward_layer"]["go_backwards"]


def test_a_bidirectional_layer_of_something_else_is_refused() -> None:
    """Only what has a state can run backwards."""
    with pytest.raises(ConfigError, match="expected a recurrent layer"):
        kind(layer("Bidirectional", "x", layer=layer("Dense", "y", units=2)))
