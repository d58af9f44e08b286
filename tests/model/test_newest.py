"""The model that is taken where none is named."""

from pathlib import Path

from genrebench.model.newest import newest_model
from tests.model.test_storage import edit, save_model


def test_the_newest_model_is_the_one_trained_last(tmp_path: Path) -> None:
    """By the time in model.json, which a copy does not change; broken, unfinished and exemplary ones do not count."""
    save_model(tmp_path / "b", created="2026-02-02")
    save_model(tmp_path / "a", created="2026-02-03")
    save_model(tmp_path / "c", created="2026-02-01")
    (save_model(tmp_path / "d", created="2026-03-01") / "model.json").write_text("{")
    (save_model(tmp_path / "e", created="2026-03-01") / "weights.safetensors").unlink()
    deep = save_model(tmp_path / "f", created="2026-03-01")
    (deep / "model.json").write_text("[" * 100_000)
    deaf = save_model(tmp_path / "g", created="2026-03-01")
    edit(lambda document: document.update(mel=None, mel_fingerprint=None))(deaf)
    edit(lambda document: document.update(example=True))(save_model(tmp_path / "h", created="2026-03-01"))
    assert newest_model(tmp_path) == tmp_path / "a"


def test_where_nothing_was_trained_it_is_the_one_that_comes_with_the_library(tmp_path: Path) -> None:
    """Nowhere, and where nothing can be used."""
    (save_model(tmp_path / "d") / "model.json").write_text("{")
    assert newest_model(tmp_path) == newest_model(tmp_path / "nowhere") == Path("builtin")
