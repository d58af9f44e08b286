"""Two runs side by side, from the files that they left."""

from pathlib import Path
from typing import Any

import pytest

from genrebench.errors import ConfigError, ModelError
from genrebench.evaluation import pages
from genrebench.evaluation.comparison import compare_runs, read_evaluation
from genrebench.evaluation.pages import comparison_document
from genrebench.report.markdown import markdown
from genrebench.system.files import write_json

TRUTH = [f"{genre}/{number}" for genre in ("a", "b") for number in range(10)]


def run(name: str, wrong: set[str], **settings: Any) -> dict[str, Any]:
    """Make a run that is right but for some tracks."""
    answers = {track: [("a" if (track[0] == "b") == (track in wrong) else "b"), 0.8] for track in TRUTH}
    return {"name": name, "parts": {"test": {"predictions": answers}}, "settings": settings}


def test_the_comparison_counts_disagreements_by_track(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tracks that only the second run gets right, one that only the first does, two wrong in both."""
    only_second, only_first, neither = set(TRUTH[:9]), {"b/0"}, {"b/8", "b/9"}
    first = run("old", only_second | neither, seed=0, split={"protocol": "track"})
    second = run("new", only_first | neither, seed=0, split={"protocol": "lists"})
    found = compare_runs(first, second)
    assert (found["tracks"], found["part"]) == (20, "test")
    assert [each["accuracy"] for each in found["scores"]] == [9 / 20, 17 / 20]
    assert (found["mcnemar"]["only_first"], found["mcnemar"]["only_second"]) == (1, 9)
    assert found["mcnemar"]["p"] == pytest.approx(2 * 11 / 2**10)
    assert found["genres"] == {"a": [0.1, 1.0], "b": [0.8, 0.7]}
    assert [row[0] for row in found["changed"]] == sorted(only_second | only_first)
    assert found["changed"][0] == ["a/0", "b (wrong)", "a"]
    assert found["settings"] == [["split.protocol", "track", "lists"]]
    monkeypatch.setattr(pages, "MOST_TRACKS", 3)
    text = markdown(comparison_document(found))
    assert "p = 0.0215 (McNemar, exact), a difference" in text
    assert "3 of 10" in text


def test_only_common_tracks_count_and_it_is_said() -> None:
    """None in common, or no common part, is an error that names both."""
    first, second = run("x", set()), run("y", set())
    del second["parts"]["test"]["predictions"]["a/0"]
    assert compare_runs(first, second)["notes"] == ["only 19 tracks are in both, of 20 and 19"]
    second["parts"]["test"]["predictions"] = {"c/1": ["c", 1.0]}
    with pytest.raises(ConfigError, match="expected two runs about the same tracks"):
        compare_runs(first, second)
    second["parts"] = {"validation": second["parts"]["test"]}
    with pytest.raises(
        ConfigError, match=r"expected one that both runs have, received None \(test against validation\)"
    ):
        compare_runs(first, second)
    with pytest.raises(ConfigError, match="received train"):
        compare_runs(first, first, part="train")


def test_what_is_no_evaluation_is_refused_by_name(tmp_path: Path) -> None:
    """A folder without one, other JSON, figures of an older version without answers."""
    with pytest.raises(ModelError, match=r"evaluation\.json: expected a run, or what genrebench evaluate wrote"):
        read_evaluation(tmp_path)
    documents: list[Any] = [
        [],
        {"parts": {}},
        {"parts": {"test": {"tracks": 3}}},
        {"parts": {"test": {"predictions": {"a": 1}}}},
    ]
    for document in documents:
        write_json(tmp_path / "evaluation.json", document)
        with pytest.raises(ModelError, match="expected figures with the answers for each track"):
            read_evaluation(tmp_path)
    write_json(tmp_path / "evaluation.json", {"parts": run("x", set())["parts"]})
    assert read_evaluation(tmp_path)["name"] == tmp_path.name
    assert read_evaluation(tmp_path / "evaluation.json")["parts"].keys() == {"test"}
