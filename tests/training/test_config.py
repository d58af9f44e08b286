"""Experiment files: defaults, overrides, and messages that name the key."""

from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.training.config import Experiment, default, load_experiment

ROOT = Path(__file__).parents[2]


def test_defaults_are_those_of_the_specification() -> None:
    """300 epochs, a learning rate of 0.001, batches of 64, split by track."""
    experiment = load_experiment(None, {"name": "x"})
    training = experiment.training
    assert (training.epochs, training.learning_rate, training.batch_size) == (300, 1e-3, 64)
    assert experiment.split.protocol == "track"
    assert experiment.backend == "torch"


def test_options_override_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    """What is not given stays; the name is the file's unless one is given."""
    path = tmp_path / "short.toml"
    path.write_text("seed = 3\n[training]\nepochs = 7\nbatch_size = 8\n")
    experiment = load_experiment(
        path, {"training.epochs": 2, "training.learning_rate": None, "split.protocol": "segment"}
    )
    assert experiment.name == "short"
    assert experiment.seed == 3
    assert (experiment.training.epochs, experiment.training.batch_size) == (2, 8)
    assert experiment.training.learning_rate == 1e-3
    assert experiment.split.protocol == "segment"


def test_the_resolved_file_reads_back(tmp_path: Path) -> None:
    """What a run saves is an experiment file with every key."""
    experiment = load_experiment(None, {"name": "x", "training.epochs": 5, "results": Path("elsewhere")})
    (tmp_path / "x.toml").write_text(experiment.to_toml())
    assert load_experiment(tmp_path / "x.toml", {}) == experiment


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_of_the_project_is_valid(path: Path) -> None:
    """The files under experiments/ are read, and are named as their runs."""
    assert load_experiment(path, {}).name == path.stem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[training]\nepoch = 3", r"training\.epoch: unknown key; did you mean training\.epochs\?"),
        ("color = 3", "color: unknown key; known are name, backend"),
        ("[training]\nepochs = 'many'", r"training\.epochs: expected a whole number, received 'many'"),
        ("[training]\nepochs = 0", r"training\.epochs: expected a whole number of at least 1, received 0"),
        ("[training]\nlearning_rate = -1.0", r"training\.learning_rate: expected a positive number"),
        ("[training]\nlearning_rate = nan", r"training\.learning_rate: expected a finite number"),
        ("[split]\nprotocol = 'song'", r"split\.protocol: .*'lists' or 'segment', received 'song'"),
        ("[split]\nprotocol = 'artist'", "split: expected artists, a table of tracks and artists"),
        ("[split]\nprotocol = 'lists'", "split: expected train_list with the protocol 'lists'"),
        ("[split]\ntest_list = 'a.txt'", "split: expected the protocol 'lists' with lists"),
        ("[split]\nprotocol = 'segment'\nfolds = 3", "split: expected the protocol 'track' or 'artist' with folds"),
        ("[split]\nfolds = 3\nfold = 4", "split: expected fold to be at most the number of folds, 3"),
        ("training = 3", "training: .*received 3"),
        ("seed = true", "seed: expected a whole number"),
        ("[training]\nlr = 1", r"training\.lr: unknown key; did you mean training\.learning_rate\?"),
        ("[split]\nvalidation = 0.6\ntest = 0.4", "split: expected validation and test to leave a share"),
        ("name = '../x'", "name: expected a plain folder name"),
        ("name = '-x'", "name: expected a plain folder name"),
        ("architecture = 3", "architecture: .*received 3"),
        ("[training]\nprecision = 'float16'", r"training\.precision: .*'float32' or 'bfloat16', received 'float16'"),
        ("[training]\nstandardization = 'song'", r"training\.standardization: .*'track-band', received 'song'"),
        ("[training]\nlevel = 0", r"training\.level: expected a number of at least 0.001, received 0"),
        ("[training]\naveraging = 1.0", r"training\.averaging: expected a number below 1, received 1.0"),
        ("[training]\nkeep = 'first'", r"training\.keep: .*'last', received 'first'"),
        ("[training]\noverlap = 1.0", r"training\.overlap: expected a number of at most 0.9, received 1.0"),
        ("[augment]\ncrops = true", r"augment\.crops: expected a whole number of at least 0, or 'auto', received True"),
        ("[augment]\ncrops = 'many'", r"augment\.crops: expected .* or 'auto', received 'many'"),
        ("[augment]\ncrops = -1", r"augment\.crops: expected a whole number of at least 0, or 'auto', received -1"),
        ("[augment]\nmixup = -0.1", r"augment\.mixup: expected a number of at least 0, received -0.1"),
        ("[augment]\nsmooth = 0.1", r"augment\.smooth: unknown key"),
        ("[augment]\nsmoothing = 1", r"augment\.smoothing: expected a number below 1, received 1"),
        ("[augment]\nshift = 1.5", r"augment\.shift: expected a whole number, received 1.5"),
        ("epochs =", "expected TOML"),
        ("\xff", "expected TOML"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, content: str, message: str) -> None:
    """One line with the file, the key, what was expected and what came."""
    path = tmp_path / "wrong.toml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=message) as refusal:
        load_experiment(path, {})
    assert "wrong.toml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_table_that_is_none_are_refused(tmp_path: Path) -> None:
    """The message names the file or the table."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml.*No such file"):
        load_experiment(tmp_path / "nowhere.toml", {})
    (tmp_path / "a.toml").write_text("training = 3")
    with pytest.raises(ConfigError, match=r"expected a table \[training\]"):
        load_experiment(tmp_path / "a.toml", {"training.epochs": 3})


def test_settings_do_not_change() -> None:
    """A run's settings cannot be altered behind its back."""
    experiment = Experiment(name="x")
    with pytest.raises(ValueError, match="frozen"):
        experiment.seed = 3


def test_paths_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is expanded in each; a name that nobody has is taken as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    experiment = load_experiment(None, {"dataset": "~/d", "results": "~/r", "architecture": "~/a.json"})
    assert (experiment.dataset, experiment.results, experiment.architecture) == (
        tmp_path / "d", tmp_path / "r", tmp_path / "a.json",
    )  # fmt: skip
    assert load_experiment(None, {"dataset": "~nobody-of-that-name/d"}).dataset == Path("~nobody-of-that-name/d")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'dataset = "C:\\Users\\me"',
            r"expected TOML of an experiment file .*; write paths with /, or in single quotes",
        ),
        (b'dataset = "C:\\bands"', r"dataset: expected a path; write backslashes in single quotes, or use /, received"),
        (b'dataset = "a\\u0000b"', "dataset: expected a path"),
        (b'results = ""', "results: expected a path"),
        (b"dataset = 1979-05-27", "dataset: expected a path"),
        ("name = 'a'".encode("utf-16"), "received UTF-16; save it as UTF-8"),
        (b"name = 'caf\xe9'", "byte 0xe9 in line 1 is no UTF-8"),
        (b"name = '" + b"x" * 241 + b"'", "name: expected a folder name of at most 240 bytes"),
        (b"seed = 9223372036854775808", "seed: expected a whole number below 9223372036854775808"),
        (b"training = 3", "training: expected a table, received 3"),
        (b"[training]\nlearning_rate = nan", r"training\.learning_rate: expected a finite number, received nan"),
        (b"[training]\nlearning_rate = 1e999", r"training\.learning_rate: expected a finite number, received inf"),
    ],
)
def test_what_an_editor_or_a_path_of_windows_leaves_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    """One short line with what to do."""
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as refusal:
        load_experiment(tmp_path / "a.toml", {})
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 500


def test_a_byte_order_mark_and_backslashes_in_single_quotes_are_read(tmp_path: Path) -> None:
    """The one is Notepad's, the others stand in a path of Windows."""
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfdataset = 'C:\\bands'")
    assert load_experiment(tmp_path / "a.toml", {}).dataset == Path(r"C:\bands")


def test_paths_need_not_be_utf8(tmp_path: Path) -> None:
    """What TOML cannot say is written as an address, and read back."""
    path = tmp_path / "caf\udce9"
    experiment = load_experiment(None, {"dataset": path, "results": "plain \u00e9"})
    (tmp_path / "a.toml").write_bytes(experiment.to_toml().encode())
    assert "caf%E9" in experiment.to_toml()
    again = load_experiment(tmp_path / "a.toml", {})
    assert (again.dataset, again.results) == (path, Path("plain \u00e9"))


def test_words_may_be_written_in_capitals() -> None:
    """Device, protocol and precision are what they are in small letters."""
    settings = {"device": "CPU", "split.protocol": "Track", "training.precision": "BFLOAT16"}
    experiment = load_experiment(None, settings)
    assert (experiment.device, experiment.split.protocol, experiment.training.precision) == ("cpu", "track", "bfloat16")


def test_settings_are_overridden_by_their_keys_and_checked() -> None:
    """The others stay; None changes nothing; the original is as it was."""
    experiment = Experiment(name="x", seed=3)
    other = experiment.override({"training.epochs": 2, "seed": None, "architecture": "a.json"})
    assert (other.training.epochs, other.seed, other.architecture) == (2, 3, Path("a.json"))
    assert experiment.training.epochs == 300
    with pytest.raises(ConfigError, match=r"training\.epoch: unknown key; did you mean training\.epochs\?"):
        experiment.override({"training.epoch": 2})


def test_defaults_are_looked_up_by_key() -> None:
    """Help texts read them here."""
    assert default("training.learning_rate") == 1e-3
    assert default("split.protocol") == "track"
