"""`read_keras`: from a file to a plain, typed description of the network in it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import ConfigError, ModelError
from genrebench.reading import keras1
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.imaging import UpSampling2D
from genrebench.reading.legacy import Legacy
from genrebench.reading.limits import MAX_PARAMETERS, MAX_TEXT_BYTES
from genrebench.reading.problems import Problem
from genrebench.reading.replacement import Replacement, check_names, read_replacements, replace_activations
from genrebench.reading.stored import Newer, Source, Wanted, check_floats, snake_case
from genrebench.reading.text import parse_text
from genrebench.reading.version import KerasVersion
from genrebench.reading.worker import read_weights, survey_file
from genrebench.system.files import StrPath, read_file

_NO_CONFIG = "give the model's configuration, as model.to_json() writes it (--config FILE.json)"


@dataclass(frozen=True)
class KerasModel:
    """What a Keras file holds, as far as it is understood.

    Attributes
    ----------
    path : Path
        The file.
    container : str
        ``h5`` or ``keras``.
    version : KerasVersion
        Which Keras saved it.
    graph : Graph
        Layers, calls of them, inputs and outputs.
    weights : dict of str to ndarray
        By canonical name, such as ``conv2d_1/kernel`` or ``encoder/lstm/recurrent_kernel``, in the newest Keras'
        layouts; empty if there are problems.
    loss : dict or None
        ``name`` and settings of the loss that the model was trained with, if the file says a known one.
    problems : tuple of Problem
        What is not understood; empty if all is.
    notes : tuple of str
        What is worth knowing and hinders nothing.
    """

    path: Path
    container: str
    version: KerasVersion
    graph: Graph
    weights: dict[str, NDArray[Any]] = field(repr=False)
    loss: dict[str, Any] | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def precision(self) -> str:
        """Name the type that holds every weight as it is in the file: float32, or float64 where it has such weights."""
        return "float64" if any(each.dtype == np.float64 for each in self.weights.values()) else "float32"


def read_keras(
    path: StrPath, *, config: StrPath | None = None, replace: Mapping[str, StrPath] | None = None
) -> KerasModel:
    """Read a model that Keras saved; see `genrebench.read_keras`, which returns one that can be ported, too."""
    path = Path(path)
    replacements = read_replacements(replace or {})
    survey = survey_file(path)
    try:
        model, activations = _read(path, survey, None if config is None else Path(config), replacements)
    except ConfigError as error:
        raise ModelError(str(error), path=path) from error
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        # A config in which something has a form that no version gave it, and that no check foresees.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelError(
            f"expected a model's configuration, received what cannot be one ({reason})", path=path
        ) from error
    if replacements and not any(not each.layer for each in model.problems):
        models = model.graph.models
        known = {"/".join((*above, name)) for above, names in models.items() for name, _ in names}
        check_names(replacements, known | activations, {each.layer for each in model.problems})
    return model


def _read(
    path: Path, survey: dict[str, Any], config: Path | None, replacements: Mapping[str, Replacement]
) -> tuple[KerasModel, set[str]]:
    """Read what the survey of a file has found, and the activations that are somebody's own."""
    text = _text(config) if config else survey["config"]
    document = _parsed(text, "the model's config", config or path) if text else None
    metadata = _parsed(survey["metadata"], "metadata.json", path) if survey["metadata"] else None
    version = _version(survey, metadata, document, text or "")
    if document is None:
        if _is_foreign(survey):
            found = "HDF5 that something else wrote: neither a configuration nor the names of layers"
            problem = Problem("", f"expected a model that Keras saved, found {found}")
        else:
            reason = "expected the model's configuration, found none: the file has weights only"
            problem = Problem("", reason, _NO_CONFIG)
        return KerasModel(path, survey["container"], version, Graph(), {}, None, (problem,), ()), set()
    if isinstance(document, list):
        document = {"class_name": "Sequential", "config": document}
    document, activations = replace_activations(document, replacements)
    graph = Builder(version, replacements, shares=survey["container"] == "keras").build(document)
    problems, notes = list(graph.problems), _notes(version, document, graph)
    notes += [f"`{name}` is read as {each.said}, as it was asked for" for name, each in replacements.items()]
    wanted = [Wanted(layer, weight) for layer in graph.layers.values() for weight in layer.weights]
    if graph.parameters > MAX_PARAMETERS:
        problems.append(Problem("", f"expected at most {MAX_PARAMETERS:,} parameters, received {graph.parameters:,}"))
        wanted = []
    weights: dict[str, NDArray[Any]] = {}
    sources, faults, more = _matched(survey, graph, wanted, version)
    problems += faults
    if not problems:
        weights = _weights(path, wanted, sources)
        for name, value in weights.items():
            if not np.isfinite(value).all():
                problems.append(
                    Problem(name.rpartition("/")[0], f"expected finite weights, {name} holds NaN or infinity")
                )
    loss = _loss(survey["attributes"].get("training_config"), document)
    unread = tuple(dict.fromkeys(problems))
    model = KerasModel(path, survey["container"], version, graph, weights, loss, unread, (*notes, *more))
    return model, activations


def _is_foreign(survey: Mapping[str, Any]) -> bool:
    """Return whether nothing is as Keras has it: names of layers up to Keras 2, then datasets under ``vars``."""
    names = any(group.keys() & {"layer_names", "weight_names"} for group in survey["groups"].values())
    return not names and not any("vars" in path.split("/") for path in survey["datasets"])


def _matched(
    survey: dict[str, Any], graph: Graph, wanted: list[Wanted], version: KerasVersion
) -> tuple[dict[str, Source], list[Problem], list[str]]:
    """Find each weight in the file."""
    finder: Newer | Legacy = Newer(survey) if Newer.fits(survey) else Legacy(survey, version)
    sources, faults = finder.match(graph, wanted)
    problems = [Problem(layer, reason, "the file and the configuration differ") for layer, reason in faults.items()]
    missing = {each.layer.name for each in wanted if each.name not in sources} - faults.keys()
    if not faults:
        problems += [Problem(name, "expected its weights in the file, found none") for name in sorted(missing)]
    if not problems:
        try:
            check_floats(wanted, sources)
        except ConfigError as error:
            problems.append(Problem("", str(error), "save the model before quantizing"))
    return sources, problems, finder.notes if isinstance(finder, Legacy) else []


def _weights(path: Path, wanted: list[Wanted], sources: dict[str, Source]) -> dict[str, NDArray[Any]]:
    """Read the weights, in the graph's order."""
    datasets = [dataset for each in wanted for dataset in sources[each.name].datasets]
    arrays = read_weights(path, [(dataset.path, dataset.shape) for dataset in datasets])
    found = dict(zip((dataset.path for dataset in datasets), arrays, strict=True))
    return {
        each.name: sources[each.name].make([found[dataset.path] for dataset in sources[each.name].datasets])
        for each in wanted
    }


def _text(path: Path) -> str:
    """Read the file of a configuration."""
    content = read_file(path, expected="a model's configuration", error=ModelError, max_bytes=MAX_TEXT_BYTES)
    return content.decode("utf-8", "surrogateescape")


def _parsed(text: str, what: str, path: Path) -> Any:
    """Parse JSON; the error names the file."""
    try:
        return parse_text(text, what)
    except ModelError as error:
        raise ModelError(str(error), path=path) from error


def _version(survey: Mapping[str, Any], metadata: Any, document: Any, text: str) -> KerasVersion:
    """Find out which Keras saved the file."""
    said = survey["attributes"].get("keras_version")
    if isinstance(metadata, dict):
        said = metadata.get("keras_version")
    if not said and isinstance(document, dict):
        said = document.get("keras_version")
    guess = (2, 2, 0)
    if any(mark in text for mark in keras1.MARKS):
        guess = (1, 0, 0)
    elif '"keras_history"' in text:
        guess = (3, 0, 0)
    elif '"registered_name"' in text:
        guess = (2, 13, 0)
    elif '"ragged"' in text:
        guess = (2, 4, 0)
    return KerasVersion.read(said, guess=guess)


def _notes(version: KerasVersion, document: Any, graph: Graph) -> list[str]:
    """List what is worth knowing of a whole model."""
    notes = []
    if not version.text:
        guess = ".".join(map(str, version.numbers[:2]))
        notes.append(f"the file does not say which Keras saved it; by its form it is read as one of {guess}")
    if "mixed_float16" in str(document.get("config", ""))[:200_000] or "mixed_bfloat16" in str(document)[:200_000]:
        notes.append("trained in mixed precision; the weights are float32, and everything is computed in it")
    for layer in graph.layers.values():
        if version.numbers < (2, 4) and isinstance(layer.kind, UpSampling2D) and layer.kind.interpolation == "bilinear":
            text = "interpolates as with TensorFlow 2, at half-pixel centers; TensorFlow 1 had its centers elsewhere"
            notes.append(f"`{layer.name}` {text}")
    return notes


# What the losses are called, and what versions called them.
_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
    "logcosh": "log_cosh",
}
_KNOWN_LOSSES = frozenset(
    """mean_squared_error mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error
    binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy hinge squared_hinge categorical_hinge
    kl_divergence poisson cosine_similarity huber log_cosh""".split()
)


def _loss(training: str | None, document: Any) -> dict[str, Any] | None:
    """Read the loss that a model was compiled with; what is not known, or cannot be read, is left out."""
    compiled = document.get("compile_config") if isinstance(document, dict) else None
    if training:
        with contextlib.suppress(ModelError):
            compiled = parse_text(training, "training_config")
    loss = compiled.get("loss") if isinstance(compiled, dict) else None
    settings: dict[str, Any] = {}
    if isinstance(loss, list) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, dict):
        inner = loss.get("config")
        if loss.get("class_name") == "function":
            loss = inner
        elif isinstance(inner, dict):
            names = ("from_logits", "label_smoothing", "delta")
            settings = {name: inner[name] for name in names if isinstance(inner.get(name), bool | int | float)}
            loss = snake_case(str(loss.get("class_name")))
    if not isinstance(loss, str):
        return None
    name = _LOSSES.get(loss.lower(), loss.lower())
    return {"name": name, **settings} if name in _KNOWN_LOSSES else None
