"""Negative controls: each planted mistake is found, with the layer and the cause; what is right raises no alarm."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from genrebench.backend.jobs import Job, JobResult, execute
from genrebench.cli.main import main
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.parity import request as command
from genrebench.parity.probe import Probe, ask, calls, make_probe
from genrebench.parity.report import Report, load_report
from genrebench.parity.run import Description, judge

pytest.importorskip("torch")

SIZE, GENRES = (33, 20), 4
# Plant, stage, first diverging layer or tensor, key of the cause, and what the explanation says.
PLANTED = [
    (
        "symmetric_padding",
        "evaluation",
        "max_pooling2d",
        "pool-padding",
        r"pads \(1,1\)\(1,1\), expected \(1,1\)\(0,1\)",
    ),
    (
        "epsilon",
        "evaluation",
        "batch_normalization",
        "batch-norm-epsilon",
        r"epsilon 1e-05 \(PyTorch.*, expected 0.001",
    ),
    (
        "momentum",
        "training",
        "batch_normalization/moving_mean",
        "momentum",
        "keeps 0.01 .*, expected 0.99 .*the new value",
    ),
    ("unbiased_variance", "training", "batch_normalization/moving_variance", "running-variance", "factor 576/575"),
    (
        "running_statistics_in_training",
        "training",
        "batch_normalization",
        "batch-norm-statistics",
        "running statistics in",
    ),
    ("nchw_flatten", "evaluation", "flatten", "flatten-order", "channels, height, width .NCHW."),
    ("transposed_flatten", "evaluation", "flatten", "flatten-order", "width, height, channels"),
    ("reshaped_kernels", "evaluation", "conv2d", "kernel-layout", "kernel reshaped"),
    ("flipped_kernels", "evaluation", "conv2d", "kernel-layout", "kernel flipped"),
    ("softmax_in_network", "evaluation", "dense_1", "softmax-in-network", "probabilities, expected logits"),
    ("softmax_before_loss", "loss", "loss", "softmax", "softmax twice"),
    ("no_softmax", "loss", "loss", "softmax", "no softmax"),
    ("summed_loss", "loss", "loss", "loss-reduction", "sum over the batch"),
    ("relu_after_normalization", "evaluation", "conv2d", "relu-order", "rectifies after batch_normalization"),
    ("dropout_in_evaluation", "evaluation", "dropout", "dropout", r"active in evaluation: \d+% .* .rate 0.3."),
    ("mask_ignored", "training", "dropout", "dropout", "draws its own mask"),
    ("never_dropping", "fast-path", "dropout, drawn masks", "dropout", "drops nothing in training"),
    ("same_mask_every_step", "fast-path", "dropout, drawn masks", "dropout", "the same values in every step"),
    ("adam_epsilon", "adam", "conv2d/kernel", "adam-epsilon", "epsilon 1e-08 .PyTorch.*, expected 1e-07"),
    ("adam_placement", "adam", "conv2d/kernel", "adam-epsilon", "added after the bias correction, expected before"),
    (
        "adam_placement_in_training",
        "fast-path",
        "Adam's update of conv2d/kernel",
        "adam-epsilon",
        "added after the bias",
    ),
    ("swapped_layers", "evaluation", "batch_normalization", "weights-swapped", "the weights of batch_normalization_1"),
    ("bias_dropped", "evaluation", "conv2d", "bias-dropped", "no bias"),
    ("single_precision", "weights", "conv2d/kernel", "float32", "computes in float32"),
    ("single_precision_dense", "evaluation", "dense", "float32", "computes in float32"),
    ("transposed_input", "structure", "conv2d", "input-layout", "height and width exchanged"),
    ("not_a_number", "evaluation", "conv2d_1", None, "NaN or infinity received"),
    ("unexplained", "evaluation", "flatten", None, "no entry of the ledger explains it"),
    # Two mistakes at once: the first layer is still right.
    ("epsilon+nchw_flatten", "evaluation", "batch_normalization", "batch-norm-epsilon", "epsilon"),
    ("symmetric_padding+unbiased_variance", "evaluation", "max_pooling2d", "pool-padding", "pads"),
    ("bias_dropped+adam_epsilon", "evaluation", "conv2d", "bias-dropped", "no bias"),
]
HARMLESS = ["nothing", "adam_float32"]
NAMES = [f"planted-{name}" for name in (*(plant for plant, *_ in PLANTED), *HARMLESS)]


def probe_of_planted() -> Probe:
    """Make what the planted backends are given.

    Returns
    -------
    Probe
        The genre network on small inputs of odd and even size, of which PyTorch's padding makes another size.
    """
    return make_probe(genre_cnn(SIZE, GENRES), steps=4)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, JobResult]]:
    """Install the plugin, and ask all its backends and the referee."""
    site = tmp_path_factory.mktemp("planted") / "site"
    metadata = site / "genrebench_planted-1.0.dist-info"
    metadata.mkdir(parents=True)
    source = (Path(__file__).parent / "planted.py").read_text(encoding="utf-8")
    (site / "genrebench_planted.py").write_text(source, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: genrebench-planted\nVersion: 1.0\n")
    attributes = {name: name.removeprefix("planted-").replace("+", "__") for name in NAMES}
    points = "".join(f"{name} = genrebench_planted:info__{attribute}\n" for name, attribute in attributes.items())
    (metadata / "entry_points.txt").write_text(f"[genrebench.backends]\n{points}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        patch.syspath_prepend(str(site))
        yield ask(probe_of_planted(), [*NAMES, "numpy"])


def run_command(
    backend: str, answers: dict[str, JobResult], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, Report]:
    """Run ``genrebench parity`` on answers that were given before."""
    monkeypatch.setattr(command, "ask", lambda probe, names, **options: {name: answers[name] for name in names})
    size = "x".join(map(str, SIZE))
    monkeypatch.setattr(command, "genre_cnn", lambda shape: genre_cnn(shape, GENRES))
    result = CliRunner().invoke(
        main, ["parity", "--backend", backend, "--input-shape", size, "--steps", "4", "--output", str(folder)]
    )
    return result.exit_code, result.output, load_report(folder / "parity.json")


@pytest.mark.parametrize(("plant", "stage", "first", "cause", "text"), PLANTED, ids=[plant for plant, *_ in PLANTED])
def test_a_planted_mistake_is_found(
    plant: str,
    stage: str,
    first: str,
    cause: str | None,
    text: str,
    answers: dict[str, JobResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The status is 1, and the first diverging layer or tensor and its cause are the planted ones."""
    status, output, report = run_command(f"planted-{plant}", answers, tmp_path, monkeypatch)
    assert status == 1, output
    finding = report.findings[0]
    assert (finding.stage, finding.name, finding.cause and finding.cause.id) == (stage, first, cause), finding
    assert re.search(text, finding.message), finding.message
    assert finding.cause is None or finding.cause.residual <= 1e-10 or finding.cause.id == "float32"
    assert first in report.verdict
    assert report.passed is False


def test_the_second_of_two_mistakes_is_named_too(
    answers: dict[str, JobResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layer is judged by its own input, so the causes do not hide each other."""
    _, _, report = run_command("planted-epsilon+nchw_flatten", answers, tmp_path, monkeypatch)
    causes = [(finding.name, finding.cause.id) for finding in report.findings if finding.cause]
    assert ("flatten", "flatten-order") in causes
    _, _, report = run_command("planted-bias_dropped+adam_epsilon", answers, tmp_path, monkeypatch)
    causes = [(finding.name, finding.cause.id) for finding in report.findings if finding.cause]
    assert ("conv2d/kernel", "adam-epsilon") in causes


def test_a_backend_that_raises_is_judged_by_the_layers_that_it_can_run(
    answers: dict[str, JobResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PyTorch's padding the flattened size is another, and the dense layer cannot multiply."""
    _, _, report = run_command("planted-symmetric_padding", answers, tmp_path, monkeypatch)
    stage = next(stage for stage in report.stages if stage.id == "gradients")
    assert "shapes cannot be multiplied" in stage.comparisons[0].error
    assert stage.passed is False


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_right_passes(
    name: str, answers: dict[str, JobResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outside plugin without a mistake passes; Keras' rounding of hyperparameters is predicted, not tolerated."""
    status, output, report = run_command(f"planted-{name}", answers, tmp_path, monkeypatch)
    assert status == 0, output
    assert report.findings == ()
    adam = next(stage for stage in report.stages if stage.id == "adam")
    verdicts = {row.verdict for comparison in adam.comparisons for row in comparison.rows}
    assert ("known:adam-float32" in verdicts) == (name == "adam_float32")


ONE_CONVOLUTION = Architecture((9, 11, 1), (Conv2D(3, (3, 3), activation="relu"), Flatten(), Dense(3)))
NO_NORMALISATION = Architecture(
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


def judged(architecture: Architecture, backends: tuple[str, ...], seed: int) -> Report:
    """Run the whole report in this process."""
    probe = make_probe(architecture, seed=seed)
    results = {
        name: execute(Job(name, architecture, probe.weights, calls(probe), keep_going=True))
        for name in (*backends, "numpy")
    }
    return judge(probe, results, backends=backends, reference="numpy", description=Description("", "", ""))


@pytest.mark.parametrize("architecture", [ONE_CONVOLUTION, NO_NORMALISATION, WIDE], ids=["one", "none", "wide"])
def test_the_report_is_not_about_one_network(architecture: Architecture) -> None:
    """Other layers, sizes and orders go through all stages."""
    report = judged(architecture, ("torch",), 0)
    assert report.passed, report.findings
    assert [stage.passed for stage in report.stages] == [True] * 9 + [None, None]
    assert {row.name for row in report.stages[2].comparisons[0].rows} == {layer.name for layer in architecture.layers}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm(size: tuple[int, int], seed: int) -> None:
    """Over 20 seeds and five input sizes, odd, even and non-square, every gate holds for PyTorch."""
    report = judged(genre_cnn(size, 5), ("torch",), seed)
    assert report.passed, report.findings


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own, of NumPy's
@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_about_keras(seed: int) -> None:
    """Over 20 seeds, the five sizes in turn."""
    pytest.importorskip("tensorflow")
    report = judged(genre_cnn(SIZES[seed % len(SIZES)], 5), ("keras",), seed)
    assert report.passed, report.findings
