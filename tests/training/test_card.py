"""The model card: YAML that the Hub reads, and what a card has to say."""

from pathlib import Path
from typing import Any

import pytest

from genrebench.errors import ModelError
from genrebench.training.card import model_card, write_card
from tests.training.made import altered, document, run_in


def test_a_card_says_what_a_model_is_worth_and_what_it_cannot_do(tmp_path: Path) -> None:
    """Data, protocol, figures with intervals, limits, and the command that trains alike."""
    card = model_card(run_in(tmp_path / "mine"))
    assert card.startswith('---\nlibrary_name: "genrebench"\n')
    for part in (
        *("# mine", "## Use", "## Data", "## Protocol", "## Numbers", "## Limits", "30.1 to 95.4 %"),
        "as one of 2: blues, jazz.",
        "16 tracks in 2 genres, music",
        "$ genrebench train --name mine --dataset music --seed 3 --set training.epochs=2",
        "4 tracks of the test part stand for an accuracy between 30 and 95 %",
        "Something stands on two sides of the split",
        "Whether artists stand on two sides of the split was not looked at",
    ):
        assert part in card, part


@pytest.mark.parametrize("name", ["mine", "a: 'b' #c", "café \N{MUSICAL SYMBOL G CLEF}", "x - y", "no"])
def test_the_hub_reads_the_card(tmp_path: Path, name: str) -> None:
    """Its own library finds model, data and figures, whatever the run is called."""
    hub = pytest.importorskip("huggingface_hub")
    run = run_in(tmp_path / name)
    write_card(run)
    card = hub.ModelCard.load(run.folder / "README.md", ignore_metadata_errors=False)
    assert card.data.model_name == name
    assert card.data.library_name == "genrebench"
    assert card.data.pipeline_tag == "audio-classification"
    found = {(each.dataset_split, each.metric_type): each.metric_value for each in card.data.eval_results}
    assert found == {
        ("test", "accuracy"): 0.75,
        ("test", "f1"): 0.7333,
        ("validation", "accuracy"): 0.75,
        ("validation", "f1"): 0.7333,
    }
    assert card.data.eval_results[0].metric_args == {"confidence": 0.95, "low": 0.3006, "high": 0.9544}


def test_a_run_without_figures_has_a_card_without(tmp_path: Path) -> None:
    """It promises nothing."""
    card = model_card(run_in(tmp_path / "mine", metrics={}, data={}))
    assert "model-index" not in card
    assert "None: the run was not measured" in card


def test_a_card_that_somebody_wrote_stays(tmp_path: Path) -> None:
    """One of our own is written again."""
    run = run_in(tmp_path / "mine")
    path = write_card(run)
    assert path == run.folder / "README.md"
    path.write_text(path.read_text().replace("# mine", "# old"))
    assert write_card(run) == path
    assert "# mine" in path.read_text()
    path.write_bytes(b"\xff my own")
    assert write_card(run) is None
    assert path.read_bytes() == b"\xff my own"


@pytest.mark.parametrize("change", [{"metrics": {"test": {**document()["metrics"]["test"], "track_interval": 3}}}])
def test_damaged_figures_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """In one line that names the file."""
    run = run_in(tmp_path / "mine")
    with pytest.raises(ModelError, match=r"model\.json: expected a run's figures"):
        model_card(altered(run.folder, **change))
