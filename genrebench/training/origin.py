"""What a run depends on: its settings, data, architecture and software; a run goes on only where these are the same."""

from typing import Any

from genrebench.errors import ConfigError, DatasetError
from genrebench.network.architecture import Architecture
from genrebench.system.environment import processor, versions
from genrebench.system.files import escaped
from genrebench.training.config import Experiment
from genrebench.training.settings import PLAIN
from genrebench.training.state import TrainingData

# Settings that may change: how far to go, who is told, and where things lie, since what lies there is compared.
_FREE = frozenset(
    {"training.epochs", "training.patience", "name", "results", "dataset", "read_from", "architecture", "loggers"}
)


def origin_of(experiment: Experiment, data: TrainingData, architecture: Architecture, framework: str) -> dict[str, Any]:
    """Describe what a run depends on, in plain JSON types."""
    return {
        "settings": _settings(experiment),
        "data": data.identity,
        "architecture": architecture.fingerprint(),
        "software": {
            **versions(("genrebench", framework, "numpy", "librosa", "soundfile", "soxr")),
            "processor": processor(),
        },
    }


def refuse_other_settings(origin: dict[str, Any], experiment: Experiment, *, done: int) -> None:
    """Refuse to go on with other settings than those that the run began with, and name each.

    Raises
    ------
    ConfigError
        If there are some, or fewer epochs are asked for than are done.
    """
    # A setting that there was not yet changed nothing.
    began = _settings(Experiment(name="default").override(PLAIN)) | origin["settings"]
    now = _settings(experiment)
    changed = [
        f"{key}: expected {began.get(key)}, received {now.get(key)}"
        for key in (began | now)
        if began.get(key) != now.get(key)
    ]
    if changed:
        raise ConfigError(
            f"{escaped(experiment.folder)}: a run goes on with the settings that it began with; "
            f"{'; '.join(changed)}; leave them out, or train anew under another --name"
        )
    if experiment.training.epochs < done:
        raise ConfigError(
            f"{escaped(experiment.folder)}: expected at least the {done} epochs that are done, "
            f"received --epochs {experiment.training.epochs}"
        )


def refuse_other_data(
    origin: dict[str, Any], experiment: Experiment, data: TrainingData, architecture: Architecture
) -> None:
    """Refuse to go on with other data or another network than those that the run began with.

    Raises
    ------
    DatasetError, ConfigError
        If one of them is another.
    """
    began = origin["data"]
    now = data.identity if "tracks_sha256" in began else data.earlier_identity
    remedy = "restore it, or train anew under another --name"
    for what in now:
        if began.get(what) != now[what]:
            words = "other values" if what.endswith("sha256") else f"{now[what]}, not {began.get(what)}"
            raise DatasetError(
                f"expected the data that the run {experiment.name} began with, received others "
                f"({'content' if what.endswith('sha256') else what}: {words}); {remedy}",
                path=experiment.dataset,
            )
    if origin["architecture"] != architecture.fingerprint():
        raise ConfigError(
            f"{escaped(experiment.folder)}: expected the architecture that the run began with, received another; "
            f"{remedy}"
        )


def resumption_note(began: dict[str, Any], now: dict[str, Any], *, done: int) -> str:
    """Tell from where the run goes on, and what is no longer as it was."""
    began, now = began["software"], now["software"]
    changed = [f"{key} {began.get(key)}, now {now.get(key)}" for key in began | now if began.get(key) != now.get(key)]
    line = f"goes on after epoch {done}"
    if changed:
        line += f"; begun with {'; '.join(changed)}: results are not bit for bit those of a run without a stop"
    return line


def _settings(experiment: Experiment) -> dict[str, Any]:
    """List the settings that may not change, by dotted key."""
    found: dict[str, Any] = {}
    for key, value in experiment.model_dump(mode="json").items():
        found |= {f"{key}.{name}": each for name, each in value.items()} if isinstance(value, dict) else {key: value}
    return {key: value for key, value in found.items() if key not in _FREE}
