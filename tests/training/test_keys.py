"""The keys of an experiment file: all of them, each explained, and the one that was meant."""

import pytest
from pydantic import BaseModel

from genrebench.training import Experiment
from genrebench.training.keys import nearest_key, setting_keys


def test_every_key_is_listed_and_explained() -> None:
    """Tables after what is in none, as TOML wants it; choices are named."""
    keys = setting_keys(Experiment)
    told = Experiment(name="x").to_document()
    written = {f"{key}.{name}" if isinstance(value, dict) else key for key, value in told.items()
               for name in (value if isinstance(value, dict) else [""])}  # fmt: skip
    assert keys.keys() > written
    assert all(keys.values()), [key for key, text in keys.items() if not text]
    assert [("." in key) for key in keys] == sorted("." in key for key in keys)
    assert keys["training.epochs"] == "Passes through the training part."
    assert keys["training.keep"].endswith("One of best-track, best, best-loss, last.")
    assert keys["augment.time_mask"] == keys["augment.frequency_mask"]


def test_a_class_without_documentation_has_keys_all_the_same() -> None:
    """As where Python was told to leave it out."""

    class Bare(BaseModel):
        a: int = 0

    Bare.__doc__ = None
    assert setting_keys(Bare) == {"a": ""}


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("training.epoch", "training.epochs"),
        ("epochs", "training.epochs"),
        ("lr", "training.learning_rate"),
        ("training.lr", "training.learning_rate"),
        ("training.rate", "training.learning_rate"),
        ("training.batch-size", "training.batch_size"),
        ("Training.Batch_Size", "training.batch_size"),
        ("augment.mixup_alpha", "augment.mixup"),
        ("split.validate", "split.validation"),
        ("test", "split.test"),
        ("weight_decay", None),
    ],
)
def test_the_nearest_key_is_named(key: str, meant: str | None) -> None:
    """In another table, too, and by its initials; nothing where nothing is like it."""
    assert nearest_key(key, setting_keys(Experiment)) == meant
