"""``genrebench summary``: the layer table of any network."""

from pathlib import Path

from genrebench.network.genre_cnn import genre_cnn
from genrebench.system.files import write_json
from tests.cli.commands import refused, run

RECORDED_RUN = Path(__file__).parents[2] / "results" / "gtzan_mini"


def test_the_layer_table_is_that_of_keras() -> None:
    """Names, shapes, parameters, totals."""
    result = run("summary")
    assert result.exit_code == 0
    for text in ("conv2d_2               Conv2D ", "(None, 15, 15, 32)", "460,864", "Total params: 475,594"):
        assert text in result.stdout
    assert "Trainable params: 475,402" in result.stdout


def test_sizes_files_and_models_choose_the_network(tmp_path: Path) -> None:
    """Of another size if asked, of a file, or of a model."""
    assert "(None, 96, 34, 1)" in run("summary", "--input-shape", "96x34").stdout
    write_json(tmp_path / "mine.json", genre_cnn((40, 50), 3).to_json())
    assert "(None, 40, 50, 1)" in run("summary", "--architecture", tmp_path / "mine.json").stdout
    model = run("summary", "--model", RECORDED_RUN)
    assert "Total params: 475,594" in model.stdout
    assert run("summary", "--architecture", RECORDED_RUN / "model.json").stdout == model.stdout


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    """A size that does not fit, and two networks at once."""
    refused(run("summary", "--input-shape", "8x8"), "expected an input of at least")
    wrong = run("summary", "--input-shape", "128")
    assert wrong.exit_code == 2
    assert "expected n_mels x frames such as 128x130, received '128'" in wrong.stderr
    refused(run("summary", "--model", RECORDED_RUN, "--architecture", "x"), "--model or --architecture, received both")
    refused(run("summary", "--model", RECORDED_RUN, "--genres", 10), "expected no --genres beside")
    refused(run("summary", "--architecture", tmp_path / "no.json"), r"no\.json: expected an architecture")
