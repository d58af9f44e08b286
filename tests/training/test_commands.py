"""Command lines that do what a run was told."""

from pathlib import Path

from genrebench.training import Experiment
from genrebench.training.commands import changed_settings, resume_command, train_command


def test_a_command_names_what_is_not_default() -> None:
    """Options where there are some, ``--set`` for the rest, quoted where a shell needs it."""
    experiment = Experiment(name="a b", dataset=Path("my music"), device="cpu").override(
        {"split.protocol": "artist", "split.artists": "a.csv", "training.learning_rate": 0.01, "augment.crops": 2}
    )
    assert train_command(experiment) == (
        "genrebench train --name 'a b' --device cpu --dataset 'my music' --set split.protocol=artist "
        """--set 'split.artists="a.csv"' --set training.learning_rate=0.01 --set augment.crops=2"""
    )
    assert train_command(Experiment(name="x")) == "genrebench train --name x"
    assert changed_settings(Experiment(name="x")) == {}


def test_going_on_needs_the_name_and_the_folder() -> None:
    """The folder only where it is another."""
    assert resume_command(Experiment(name="x")) == "genrebench train --name x --resume"
    assert resume_command(Experiment(name="x", results=Path("r"))).endswith("--name x --results r --resume")
