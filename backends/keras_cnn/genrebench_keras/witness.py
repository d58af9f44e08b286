"""Keras itself as a witness: a model that it can open runs in float64, layer by layer, in a worker.

The file has been accepted by the reader before; Keras opens it with ``safe_mode=True`` and without what it was compiled
with. Its config is then built again in float64, which gives the same layers in other numbers.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from genrebench_keras.engines import load_engine

Arrays = dict[str, NDArray[Any]]
# Longer messages of Keras print the whole config of a layer.
_MAX_REASON = 240


def answer(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Run a model; the function of a job.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``stored/<canonical name>``, the weights as they were read from the file; for each trial, behind
        ``trials/<trial>/``, ``weights/<canonical name>``, ``inputs/<call>``, ``draws/<call>``, ``cotangents/<tensor>``.
    options : dict
        ``path`` of the file; ``layers``, the names of weights by the layer's name, in Keras' order; ``calls``, each
        with ``name``, ``layer`` and ``inputs``, in order; ``inputs``, the calls that are given something; ``trials``;
        ``modes``, some of ``evaluation`` and ``training``.

    Returns
    -------
    dict of str to ndarray
        By trial and mode, ``outputs/<tensor>``, ``gradients/<canonical name>``, ``inputs/<call>`` (gradients to
        inputs) and, in training, ``statistics/<canonical name>``.
    dict
        ``refused``, why Keras does not open the file, empty if it does; ``versions``; ``absent``, layers that the model
        in Keras does not have; ``differing``, weights that it reads differently from the file.
    """
    load_engine("tensorflow")
    import keras
    import tensorflow as tf

    value: dict[str, Any] = {"refused": "", "versions": {"keras": keras.__version__, "tensorflow": tf.__version__}}
    keras.config.set_floatx("float64")
    try:
        model, stored = _open(options["path"])
    except Exception as error:  # whatever Keras raises is the reason
        return {}, {**value, "refused": _reason(error)}
    from genrebench_keras.model_run import ModelRun

    try:
        return _computed(ModelRun(model, options), stored, arrays, options, value)
    except Exception as error:  # what an engine cannot compute, such as three-dimensional pooling in float64
        return {}, {**value, "refused": f"it opens it, and cannot run it in float64: {_reason(error)}"}


def _computed(
    run: Any, stored: Any, arrays: Arrays, options: dict[str, Any], value: dict[str, Any]
) -> tuple[Arrays, dict[str, Any]]:
    """Run a model in all trials and modes."""
    value |= {"absent": run.absent, "differing": run.differing(stored, _part(arrays, "stored"))}
    found: Arrays = {}
    for trial in options["trials"]:
        given = _part(arrays, f"trials/{trial}")
        for mode in options["modes"]:
            run.assign(_part(given, "weights"))
            draws = _part(given, "draws") if mode == "training" else {}
            inputs, cotangents = _part(given, "inputs"), _part(given, "cotangents")
            done = run.run(inputs, cotangents, draws=draws, training=mode == "training")
            found |= {f"{trial}/{mode}/{name}": each for name, each in done.items()}
    return found, value


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Take the arrays of one kind."""
    start = f"{prefix}/"
    return {name.removeprefix(start): each for name, each in arrays.items() if name.startswith(start)}


def _open(path: str) -> tuple[Any, Any]:
    """Open a file, and build its config again in float64; the first is what the file holds."""
    import keras

    stored = keras.models.load_model(path, safe_mode=True, compile=False)
    config = _in_float64(stored.get_config())
    return type(stored).from_config(config), stored


def _in_float64(value: Any) -> Any:
    """Rewrite the dtypes in a config."""
    if isinstance(value, Mapping):
        if value.get("class_name") in ("DTypePolicy", "Policy"):
            return {**value, "config": {**value["config"], "name": "float64"}}
        changed = {key: _in_float64(each) for key, each in value.items()}
        if isinstance(dtype := changed.get("dtype"), str) and "float" in dtype:
            changed["dtype"] = "float64"
        return changed
    if isinstance(value, list | tuple):
        return type(value)(_in_float64(each) for each in value)
    return value


def _reason(error: Exception) -> str:
    """Say in one line why Keras does not open a file: what it ends with says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next(
        (line for line in reversed(lines) if line.startswith("Exception encountered")), lines[-1] if lines else ""
    )
    told = told.removeprefix("Exception encountered:").strip()
    short = told if len(told) <= _MAX_REASON else f"{told[:_MAX_REASON]}..."
    return f"{type(error).__name__}: {short}"
