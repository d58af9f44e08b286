"""A run as one page: what it shows, what it leaves out where something is gone, and that nothing in it is markup."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.audio.mel import MelConfig
from genrebench.errors import ModelError
from genrebench.report.document import Code, Document, Figure, Heading, Table, Text
from genrebench.report.html import page
from genrebench.system.arrays import npz_bytes
from genrebench.training import Experiment
from genrebench.training.report import run_document, write_report
from tests.report.hostile import HOSTILE, LONG
from tests.training.made import PROOF, altered, document, run_in


def headings(made: Document) -> list[str]:
    """List the headings."""
    return [block.text for block in made.blocks if isinstance(block, Heading)]


def figures(made: Document) -> list[str]:
    """List the anchors of the figures."""
    return [block.id for block in made.blocks if isinstance(block, Figure)]


def words(made: Document) -> str:
    """Put together all text of a document."""
    found = []
    for block in made.blocks:
        if isinstance(block, Text | Heading | Code):
            found.append(block.text)
        elif isinstance(block, Table):
            found += [block.caption, *(cell.text for row in block.cells for cell in row)]
        elif isinstance(block, Figure):
            found += [block.alt, block.caption]
    return "\n".join(found)


def test_a_report_has_all_its_parts(tmp_path: Path) -> None:
    """Curves, a matrix and a table for each part, calibration, wrong answers, proof, settings, software, command."""
    made = run_document(run_in(tmp_path / "mine"))
    assert made.title == "Run mine"
    assert headings(made) == [
        *("Curves", "Genres: test", "Genres: validation", "Calibration", "Surely wrong"),
        *("The split, and its proof", "How it was made"),
    ]
    assert figures(made) == [*("curve-loss", "curve-accuracy", "confusion-test", "confusion-validation", "reliability")]
    text = words(made)
    for part in (
        "torch on music, 16 tracks in 2 genres; test 75.0 % of 4 tracks",
        "the model is that of epoch 1",
        "30.1 to 95.4 %",
        "Split by track: something is on two sides.",
        "blues/b1 and blues/b9",
        "the test part has no track of polka",
        "a fast one",
        "2026-01-02 03:04:05 UTC",
        "genrebench train --name mine --dataset music --seed 3 --set training.epochs=2",
        "genrebench train --name mine --resume",
    ):
        assert part in text, part


def test_the_surest_wrong_answers_come_first_with_their_spectrograms(tmp_path: Path) -> None:
    """All segments of a track side by side, if its files are there; without them it is said."""
    tree = tmp_path / "tree"
    (tree / "blues").mkdir(parents=True)
    for index in range(2):
        (tree / "blues" / f"b1-{index}.npz").write_bytes(
            npz_bytes("spectrogram", np.full((8, 5), -10.0 * index, np.float32))
        )
    run = run_in(tmp_path / "mine", experiment=Experiment(name="mine", dataset=tree))
    made = run_document(run)
    assert [block.caption for block in made.blocks if isinstance(block, Figure) and block.caption] == [
        "blues/b1 (test): taken for jazz, 98.2 %"
    ]
    assert "The spectrograms of 1 of them are no longer" in words(made)
    wrong = next(block for block in made.blocks if isinstance(block, Table) and block.id == "wrong")
    assert [row[0].text for row in wrong.cells] == ["blues/b1", "blues/v1"]


def test_a_run_without_figures_says_so(tmp_path: Path) -> None:
    """One that failed, or that an earlier version made: curves and settings are there, the rest is not."""
    for number, metrics in enumerate(({}, {"test": {"tracks": 4, "track_accuracy": 0.5}})):
        made = run_document(run_in(tmp_path / f"r{number}", metrics=metrics, status="failed"))
        assert headings(made) == ["Curves", "The split, and its proof", "How it was made"]
        assert "No figures by track" in words(made)
    run = run_in(tmp_path / "bare", data={}, metrics={})
    (run.folder / "log.csv").unlink()
    (run.folder / "experiment.toml").unlink()
    assert headings(run_document(run)) == ["How it was made"]


def test_a_leaky_run_says_so_first(tmp_path: Path) -> None:
    """Before any figure."""
    data = {**document()["data"], "tracks_on_both_sides": 5}
    made = run_document(run_in(tmp_path / "mine", data=data))
    texts = [block for block in made.blocks[:3] if isinstance(block, Text)]
    assert any(text.style == "warn" and "5 tracks are on both sides" in text.text for text in texts)


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"test": {**document()["metrics"]["test"], "track_interval": "?"}}},
        {"metrics": {"test": {**document()["metrics"]["test"], "genres": []}}},
        {"metrics": {"test": {**document()["metrics"]["test"], "predictions": {"blues/a": 3}}}},
        {"data": {"segments": {"train": 8}, "proof": {**PROOF, "tracks": None}}},
        {"data": {"proof": {"protocol": "track"}}},
    ],
)
def test_damaged_figures_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """In one line that names the file, whatever is wrong with them."""
    run = run_in(tmp_path / "mine")
    with pytest.raises(ModelError, match=r"model\.json: expected a run's figures, received others \("):
        run_document(altered(run.folder, **change))


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[1], HOSTILE[7], LONG])
def test_no_name_is_markup(tmp_path: Path, name: str) -> None:
    """A genre and a track of any name are text."""
    genre = name.replace("/", "_")
    scores = document()["metrics"]["test"]
    scores["genres"] = {genre: scores["genres"]["blues"], "jazz": scores["genres"]["jazz"]}
    scores["predictions"] = {f"{genre}/{name}": ["jazz", 0.9]}
    run = run_in(tmp_path / "mine", metrics={"test": scores}, genres=[genre, "jazz"])
    html = page(run_document(run))
    assert not re.search(r"<(script|img|a) ", re.sub(r'<a href="#', "", html))
    assert html.count("<svg") == html.count("</svg>") == 4


@pytest.mark.drawn
def test_a_training_leaves_its_report(experiment: Experiment) -> None:
    """One file that needs nothing else, with the spectrograms of the data that it was trained on."""
    from genrebench.training import train
    from genrebench.training.runs import read_run

    pytest.importorskip("genrebench_torch.backend")
    run = train(experiment, epochs=1)
    html = (run.folder / "report.html").read_text()
    assert "<h1>Run run</h1>" in html
    assert 'id="track-0"' in html
    assert not re.search(r'(src|href)="(?!#|data:)', html)
    assert html.count("<figure") == len(figures(run_document(read_run(run.folder))))
    assert (run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    (run.folder / "report.html").unlink()
    assert write_report(read_run(run.folder)).read_text() == html


def test_settings_of_the_spectrograms_give_their_axis(tmp_path: Path) -> None:
    """In seconds where they are known."""
    tree = tmp_path / "tree"
    (tree / "blues").mkdir(parents=True)
    (tree / "blues" / "b1-0.npz").write_bytes(npz_bytes("spectrogram", np.zeros((8, 5), np.float32)))
    told = Experiment(name="mine", dataset=tree)
    pictures = []
    for name, mel in (("known", asdict(MelConfig())), ("unknown", None)):
        made = run_document(run_in(tmp_path / name, experiment=told, mel=mel))
        pictures.append(next(block.image for block in made.blocks if isinstance(block, Figure) and block.caption))
    assert pictures[0] != pictures[1]
