"""The file that is written: formatted, clean, the same each time, with all weights."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.porting.source import write_source
from genrebench.porting.source.allowed import check_source
from genrebench.porting.source.table import WRITERS
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds import KINDS
from genrebench.reading.problems import Problem
from tests.porting.source.models import DOCUMENTS, HOSTILE, MODELS, model_of, read
from tests.reading.files import functional, input_layer, layer, node, sequential

RUFF = shutil.which("ruff", path=f"{Path(sys.executable).parent}:{sys.path[0]}") or shutil.which("ruff")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all models into a folder."""
    found = tmp_path_factory.mktemp("written")
    for number, model in enumerate(MODELS.values()):
        (found / f"network_{number}.py").write_text(write_source(model).text, encoding="utf-8")
    return found


@pytest.mark.skipif(not RUFF, reason="ruff is not installed")
@pytest.mark.parametrize(
    "command",
    [
        ["format", "--check"],
        ["check", "--select", "E,F,W,I,UP,B,D,C4,PIE,SIM,RUF,A,ANN,N,PERF", "--ignore", "N812,D203,D213,D107"],
    ],
    ids=lambda command: str(command[0]),
)
def test_files_are_clean_and_formatted(folder: Path, command: list[str]) -> None:
    """Ruff with its own settings has nothing to say, and nothing to format."""
    done = subprocess.run([str(RUFF), *command, "--isolated", "."], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_kind_has_an_entry_and_a_model() -> None:
    """No layer that is read cannot be written, and none is not tried."""
    seen = {each.layer.kind.name for model in MODELS.values() for each in model.graph.calls.values() if each.layer.kind}
    assert KINDS.keys() - WRITERS.keys() == {"InputLayer"}
    assert KINDS.keys() <= seen


@pytest.mark.parametrize("name", MODELS)
def test_weights_come_back(name: str) -> None:
    """Every weight is in the state once, and comes back as it was; the count of Normalization is read by nobody."""
    model = MODELS[name]
    emitted = write_source(model)
    back = emitted.canonical(emitted.state)
    assert {weight for weight in model.weights if not weight.endswith("/count")} == back.keys()
    for weight, value in back.items():
        assert np.array_equal(value, model.weights[weight]), weight
    places = [name for place in emitted.weights.values() for name in place.names]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_model_gives_the_same_file(name: str) -> None:
    """Whatever the order in which sets are walked."""
    assert write_source(read(*DOCUMENTS[name])).text == write_source(MODELS[name]).text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_table_says_where_outputs_are(name: str) -> None:
    """The line of each call sets the variable, and that of an input is the signature of forward."""
    model = MODELS[name]
    emitted = write_source(model)
    lines = emitted.text.split("\n")
    for call in emitted.calls:
        line = lines[call.line - 1]
        if call.name in emitted.inputs:
            assert line.startswith("    def forward(")
        else:
            assert call.variable in re.split(r"\W+", line.partition(" = ")[0]), (call, line)
    assert {call.name for call in emitted.calls if not call.is_mask} >= set(emitted.inputs) | set(emitted.outputs)


def test_names_of_a_file_are_no_code() -> None:
    """Layers with names that are code, keywords, paths, or what PyTorch's modules have, become plain attributes."""
    text = write_source(MODELS["hostile names"]).text
    tree = ast.parse(text)
    made = [
        target.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    ]
    assert len(made) == len(set(made)) == len(HOSTILE)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in made)
    assert not {"forward", "load_state_dict", "type", "class", "__init__"} & set(made)
    assert "os.system" not in text
    assert "passwd'" not in text


def test_a_name_cannot_end_a_comment(tmp_path: Path) -> None:
    """Neither a file's name nor a version's text gets into the code."""
    model = read(sequential(layer("Dense", "dense", units=2), shape=[3]))
    hostile = type(model)(tmp_path / 'a"""\nimport os\n#.h5', *list(vars(model).values())[1:])
    text = write_source(hostile).text
    check_source(text)
    assert "import os" not in [line.strip() for line in text.split("\n")]


def test_problems_are_refused() -> None:
    """What is not understood cannot be written."""
    model = read(sequential(layer("Dense", "dense", units=2), shape=[3]))
    model.graph.problems.append(Problem("dense", "expected something else"))
    with pytest.raises(ConfigError, match="expected a model without problems, received `dense`"):
        write_source(model_of(model.graph, model.weights))


def always(class_name: str, **config: object) -> KerasModel:
    """Make a layer that Keras 2 calls with training=True."""
    call = {**layer(class_name, "always", **config), "name": "always"}
    call["inbound_nodes"] = [[["a", 0, 0, {"training": True}]]]
    return read(functional(input_layer("a", 4, 3), call, inputs=["a"], outputs=["always"]))


def test_constants_are_kept_in_float32() -> None:
    """As weights are, and as Keras keeps them: what is loaded has the bits of the file."""
    first = node("Normalization", "first", ["a"], axis=-1, mean=[0.485, 0.456, 0.406], variance=[0.05, 0.06, 0.07])
    emitted = write_source(read(functional(input_layer("a", 4, 3), first, inputs=["a"], outputs=["first"])))
    assert {name: (each.dtype.str, each.ravel().tolist()) for name, each in emitted.state.items()} == {
        "first.mean": ("<f4", np.array([0.485, 0.456, 0.406], np.float32).tolist()),
        "first.variance": ("<f4", np.array([0.05, 0.06, 0.07], np.float32).tolist()),
    }


def test_dropout_that_always_drops_is_a_module_that_says_so() -> None:
    """In evaluation, too."""
    text = write_source(always("Dropout", rate=0.5)).text
    assert "self.always = AlwaysDropout(0.5)" in text
    assert "return F.dropout(x, self.p)" in text


@pytest.mark.parametrize(
    ("class_name", "config"),
    [
        ("BatchNormalization", {}),
        ("GaussianNoise", {"stddev": 0.5}),
        ("LSTM", {"units": 2, "dropout": 0.5}),
        ("GRU", {"units": 2, "recurrent_dropout": 0.5}),
    ],
)
def test_what_is_always_in_training_is_refused(class_name: str, config: dict[str, object]) -> None:
    """Where PyTorch's layer would follow the network's mode."""
    with pytest.raises(ConfigError, match="received `always` always training"):
        write_source(always(class_name, **config))


def test_what_never_is_in_training_draws_nothing() -> None:
    """Dropout with training=False is not written; batch normalization goes by its running statistics."""
    model = always("Dropout", rate=0.5)
    model.graph.calls["always"].arguments["training"] = False
    assert "Dropout" not in write_source(model).text
    model = always("BatchNormalization")
    model.graph.calls["always"].arguments["training"] = False
    assert "FrozenBatchNorm1d(3" in write_source(model).text


def test_many_outputs_are_given_in_lines(tmp_path: Path) -> None:
    """A tuple that is too long for one."""
    names = [f"output_number_{number}" for number in range(8)]
    layers = [node("Dense", name, ["a"], units=2) for name in names]
    text = write_source(read(functional(input_layer("a", 3), *layers, inputs=["a"], outputs=names))).text
    assert "        return (\n            output_number_0,\n" in text


def test_straight_runs_are_called_x_and_branches_have_names() -> None:
    """What is read once, by the next line, is x; what is read further on has its layer's name."""
    text = write_source(MODELS["residual"]).text
    forward = text[text.index("    def forward") : text.index("def load")]
    assert (
        forward
        == '''    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what Keras computes."""
        inputs = x.permute(0, 3, 1, 2)  # channels first
        x = self.conv(inputs)
        x = self.norm(x)
        x = F.relu(x)
        sum_layer = x + inputs
        x = self.last(sum_layer)  # (n, 3, 4, 4)
        x = x.permute(0, 2, 3, 1).flatten(1)  # (n, 48) channels last, as Keras flattens
        dense = F.softmax(self.dense(x), dim=-1)  # (n, 3)
        x = sum_layer.permute(0, 2, 3, 1)  # channels last, as in Keras
        return dense, x


'''
    )
