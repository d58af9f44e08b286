"""Negative controls: each planted mistake is found, with the layer and the cause; what is right raises no alarm."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

from genrebench.cli.main import main
from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import make_inputs
from genrebench.parity.report import Report, load_report
from genrebench.parity.run import compare_backends
from tests.mistakes import MISTAKES
from tests.parity.conftest import against
from tests.parity.planted import write_planted
from tests.plugins import use_plugins

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
SIZE, GENRES = (33, 20), 4
# Plant, stage, first diverging layer or weight and its quantity, id and parameters of the cause.
PLANTED: list[tuple[str, str, str, str, str | None, dict[str, Any]]] = [
    ("symmetric_padding", "evaluation", "max_pooling2d", "output", "pool-padding",
     {"padding": "(1,1)(1,1)", "expected": "(1,1)(0,1)", "fill": "lowest"}),
    ("epsilon", "evaluation", "batch_normalization", "output", "batch-norm-epsilon", {"epsilon": 1e-5}),
    ("momentum", "training", "batch_normalization/moving_mean", "statistic", "momentum",
     {"momentum": pytest.approx(0.01)}),
    ("unbiased_variance", "training", "batch_normalization/moving_variance", "statistic", "running-variance",
     {"variance": "unbiased", "count": 576}),
    ("running_statistics_in_training", "training", "batch_normalization", "output", "batch-norm-statistics",
     {"statistics": "running"}),
    ("nchw_flatten", "evaluation", "flatten", "output", "flatten-order", {"order": "channels, height, width"}),
    ("transposed_flatten", "evaluation", "flatten", "output", "flatten-order", {"order": "width, height, channels"}),
    ("reshaped_kernels", "evaluation", "conv2d", "output", "kernel-layout", {"layout": "reshaped"}),
    ("flipped_kernels", "evaluation", "conv2d", "output", "kernel-layout", {"layout": "flipped"}),
    ("softmax_in_network", "evaluation", "dense_1", "output", "softmax-in-network", {"output": "probabilities"}),
    ("softmax_before_loss", "loss", "", "loss", "softmax", {"softmax": "twice"}),
    ("no_softmax", "loss", "", "loss", "softmax", {"softmax": "none"}),
    ("summed_loss", "loss", "", "loss", "loss-reduction", {"reduction": "sum"}),
    ("relu_after_normalization", "evaluation", "conv2d", "output", "relu-order",
     {"normalization": "batch_normalization"}),
    # What is dropped is random: four standard deviations of the 27 and 101 values that are not zero anyway.
    ("dropout_in_evaluation", "evaluation", "dropout", "output", "dropout",
     {"fault": "active in evaluation", "dropped": pytest.approx(0.3, abs=0.36)}),
    ("mask_ignored", "training", "dropout", "output", "dropout",
     {"fault": "mask of its own", "dropped": pytest.approx(0.3, abs=0.18)}),
    ("never_dropping", "fast-path", "dropout", "mask", "dropout", {"fault": "drops nothing"}),
    ("same_mask_every_step", "fast-path", "dropout", "mask", "dropout", {"fault": "same mask"}),
    ("adam_epsilon", "adam", "conv2d/kernel", "update", "adam-epsilon",
     {"epsilon": 1e-8, "placement": "uncorrected"}),
    ("adam_placement", "adam", "conv2d/kernel", "update", "adam-epsilon",
     {"epsilon": 1e-7, "placement": "corrected"}),
    ("adam_placement_in_training", "fast-path", "conv2d/kernel", "update", "adam-epsilon",
     {"epsilon": 1e-7, "placement": "corrected"}),
    ("swapped_layers", "evaluation", "batch_normalization", "output", "weights-swapped",
     {"layer": "batch_normalization_1"}),
    ("bias_dropped", "evaluation", "conv2d", "output", "bias-dropped", {"weight": "bias"}),
    ("single_precision", "weights", "conv2d/kernel", "weight", "float32", {"dtype": "float32"}),
    ("single_precision_dense", "evaluation", "dense", "output", "float32", {"dtype": "float32"}),
    ("transposed_input", "structure", "conv2d", "structure", "input-layout", {"layout": "height-width"}),
    ("not_a_number", "evaluation", "conv2d_1", "output", None, {}),
    ("unexplained", "evaluation", "flatten", "output", None, {}),
    # Two mistakes at once: the first layer is still right.
    ("epsilon+nchw_flatten", "evaluation", "batch_normalization", "output", "batch-norm-epsilon", {"epsilon": 1e-5}),
    ("symmetric_padding+unbiased_variance", "evaluation", "max_pooling2d", "output", "pool-padding",
     {"padding": "(1,1)(1,1)", "expected": "(1,1)(0,1)", "fill": "lowest"}),
    ("bias_dropped+adam_epsilon", "evaluation", "conv2d", "output", "bias-dropped", {"weight": "bias"}),
]  # fmt: skip
HARMLESS = ["nothing", "adam_float32"]


@pytest.fixture(scope="module")
def report_of() -> Callable[[str], Report]:
    """Offer a function that compares the PyTorch backend with planted mistakes, in this process.

    The network is the genre network on small inputs of odd and even size, of which PyTorch's padding makes another
    size.
    """
    inputs = make_inputs(genre_cnn(SIZE, GENRES), steps=4)
    reference = run_here(inputs, "numpy")

    @functools.cache
    def report(plant: str) -> Report:
        """Plant, ask, and take the mistakes out again."""
        with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
            for name in plant.split("+"):
                MISTAKES[name](patch)
            planted = run_here(inputs, "torch")
        return against(inputs, {f"planted-{plant}": planted, "numpy": reference})

    return report


@pytest.mark.parametrize(
    ("plant", "stage", "tensor", "quantity", "cause", "parameters"), PLANTED, ids=[plant for plant, *_ in PLANTED]
)
def test_a_planted_mistake_is_found(
    plant: str,
    stage: str,
    tensor: str,
    quantity: str,
    cause: str | None,
    parameters: dict[str, Any],
    report_of: Callable[[str], Report],
) -> None:
    """The first diverging layer or tensor and its cause are the planted ones."""
    report = report_of(plant)
    finding = report.findings[0]
    assert finding.row is not None
    assert (finding.stage, finding.row.tensor, finding.row.quantity) == (stage, tensor, quantity), finding
    assert (finding.cause and finding.cause.id) == cause, finding
    if finding.cause:
        assert finding.cause.parameters == parameters
        assert finding.cause.residual <= 1e-10 or finding.cause.id == "float32"
    assert finding.label in report.verdict
    assert report.passed is False


@pytest.mark.parametrize(
    ("plants", "tensor", "cause"),
    [
        ("epsilon+nchw_flatten", "flatten", "flatten-order"),
        ("bias_dropped+adam_epsilon", "conv2d/kernel", "adam-epsilon"),
    ],
)
def test_the_second_of_two_mistakes_is_named_too(
    plants: str, tensor: str, cause: str, report_of: Callable[[str], Report]
) -> None:
    """Each layer is held to its definition on its own input, so the causes do not hide each other."""
    report = report_of(plants)
    causes = [(finding.row.tensor, finding.cause.id) for finding in report.findings if finding.row and finding.cause]
    assert (tensor, cause) in causes


def test_a_backend_that_raises_is_compared_by_the_layers_that_it_can_run(
    report_of: Callable[[str], Report],
) -> None:
    """With PyTorch's padding the flattened size is another, and the dense layer cannot multiply."""
    stage = report_of("symmetric_padding").stage("gradients")
    assert "shapes cannot be multiplied" in stage.comparisons[0].error
    assert stage.passed is False


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_right_passes(name: str, report_of: Callable[[str], Report]) -> None:
    """A backend without a mistake passes; Keras' rounding of hyperparameters is predicted, not tolerated."""
    report = report_of(name)
    assert report.passed
    assert report.findings == ()
    known = {row.known for comparison in report.stage("adam").comparisons for row in comparison.rows}
    assert ("adam-float32" in known) == (name == "adam_float32")


def test_the_command_finds_a_mistake_in_an_outside_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend answers from a process of its own; the status is 1, and what is off is named."""
    use_plugins(monkeypatch, write_planted(tmp_path / "site", ["planted-epsilon"]), here=True)
    use_plugins(monkeypatch, ROOT)  # where the mistakes are
    arguments = "parity --backend planted-epsilon --input-shape 17x20 --steps 2 --output"
    done = CliRunner().invoke(main, [*arguments.split(), str(tmp_path / "report")])
    assert done.exit_code == 1, done.output
    (finding, *_) = load_report(tmp_path / "report" / "parity.json").findings
    assert finding.cause is not None
    assert (finding.cause.id, finding.cause.parameters) == ("batch-norm-epsilon", {"epsilon": 1e-5})
    assert finding.label in done.output


def test_a_backend_of_another_interpreter_needs_no_entry_in_this_one(tmp_path: Path) -> None:
    """The worker says what it is, and whether it trains: its fast path is compared, too."""
    name = "planted-nothing+nothing"  # none of those that this process has
    site = write_planted(tmp_path / "site", [name])
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site}:{ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    report = compare_backends(name, input_shape=(17, 20), steps=2, pythons={name: str(python)})
    assert report.passed
    assert report.stage("fast-path").passed
    with pytest.raises(BackendError, match=r"expected a backend of .*torch.*, received 'planted-nothing.nothing'"):
        compare_backends(name)


ONE_CONVOLUTION = Architecture((9, 11, 1), (Conv2D(3, (3, 3), activation="relu"), Flatten(), Dense(3)))
NO_NORMALIZATION = Architecture(
    (12, 16, 2),
    (
        Conv2D(4, (3, 2), padding="same", strides=(2, 1), activation="relu"),
        MaxPooling2D((2, 2), (2, 2), padding="same"),
        Dropout(0.25),
        Conv2D(4, (2, 2)),
        Flatten(),
        Dense(6, activation="relu"),
        Dense(4),
    ),
)
WIDE = Architecture(
    (21, 35, 1),
    (
        Conv2D(48, (3, 3), activation="relu"),
        BatchNormalization(momentum=0.9, epsilon=1e-2),
        MaxPooling2D((3, 3), (2, 2), padding="same"),
        Conv2D(48, (3, 3), activation="relu"),
        MaxPooling2D((2, 3), (1, 2), padding="same"),
        BatchNormalization(),
        Flatten(),
        Dense(5),
    ),
)
SIZES = ((32, 32), (33, 33), (31, 40), (45, 18), (64, 65))
# A report for each size, all seeds with the sizes in turn in CI, and the rest in `make soak`.
USUAL = [
    pytest.param(SIZES[seed % 5], seed, marks=[pytest.mark.exhaustive] if seed >= len(SIZES) else [])
    for seed in range(20)
]
OTHERS = [
    pytest.param(size, seed, marks=pytest.mark.soak) for seed in range(20) for size in SIZES if size != SIZES[seed % 5]
]


def compared(architecture: Architecture, backend: str, seed: int) -> Report:
    """Run the whole report in this process."""
    inputs = make_inputs(architecture, seed=seed)
    with threadpool_limits(1):
        return against(inputs, {name: run_here(inputs, name) for name in (backend, "numpy")})


@pytest.mark.parametrize("architecture", [ONE_CONVOLUTION, NO_NORMALIZATION, WIDE], ids=["one", "none", "wide"])
def test_the_report_is_not_about_one_network(architecture: Architecture) -> None:
    """Other layers, sizes and orders go through all stages."""
    report = compared(architecture, "torch", 0)
    assert report.passed, report.findings
    assert [stage.passed for stage in report.stages] == [True] * 9 + [None, None]
    rows = report.stage("evaluation").comparisons[0].rows
    assert {row.tensor for row in rows} == {node.name for node in architecture.walk()}


@pytest.mark.parametrize(("size", "seed"), USUAL + OTHERS)
def test_no_false_alarm(size: tuple[int, int], seed: int) -> None:
    """Over 20 seeds and five input sizes, odd, even and non-square, every gate holds for PyTorch."""
    report = compared(genre_cnn(size, 5), "torch", seed)
    assert report.passed, report.findings


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own, of NumPy's
@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_about_keras(seed: int) -> None:
    """Over 20 seeds, the five sizes in turn."""
    pytest.importorskip("tensorflow")
    report = compared(genre_cnn(SIZES[seed % len(SIZES)], 5), "keras", seed)
    assert report.passed, report.findings
