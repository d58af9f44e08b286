"""What backends share at their border: refusals of what they cannot build, and the form of the training state."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import BackendError
from genrebench.network.adam import AdamState
from genrebench.network.architecture import Architecture


def check_layer_kinds(architecture: Architecture, known: Container[str]) -> None:
    """Refuse an architecture with layers that a backend does not build; for backends to call in ``build``.

    Parameters
    ----------
    architecture : Architecture
        What is to be built.
    known : container of str
        Layer kinds that the backend builds, such as the keys of its table of builders.

    Raises
    ------
    BackendError
        If there are others; they are named.
    """
    unknown = sorted({node.layer.kind for node in architecture.walk() if node.layer.kind not in known})
    if unknown:
        raise BackendError(f"expected layers that this backend builds, received {', '.join(unknown)}")


def check_dtype(dtype: str, known: Iterable[str]) -> None:
    """Refuse a dtype that a backend does not compute in; for backends to call in ``build``.

    Parameters
    ----------
    dtype : str
        What is asked for.
    known : iterable of str
        Names of those that it computes in.

    Raises
    ------
    BackendError
        If it is none of them.
    """
    names = list(known)
    if dtype not in names:
        raise BackendError(f"dtype: expected one of {', '.join(names)}, received {dtype!r}")


def choose_device(device: str, usable: Sequence[str]) -> str:
    """Find the device that a backend is to compute on; for backends to call in ``build``.

    Parameters
    ----------
    device : str
        What is asked for; ``auto`` takes CUDA where it can be used, else the first.
    usable : sequence of str
        Names of those that the backend can use on this machine.

    Returns
    -------
    str
        One of `usable`.

    Raises
    ------
    BackendError
        If it cannot be used here.
    """
    if device == "auto":
        return "cuda" if "cuda" in usable else usable[0]
    if device not in usable:
        raise BackendError(f"device: expected auto or one usable here ({', '.join(usable)}), received {device!r}")
    return device


def pack_training_state(adam: AdamState, others: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Join Adam's state and what else a backend keeps, for `Trainable.training_state`.

    Parameters
    ----------
    adam : AdamState
        Step and moments.
    others : mapping of str to ndarray
        Such as ``dropout/generator``.

    Returns
    -------
    dict of str to ndarray
        The training state; nothing is copied.
    """
    moments = {f"adam/{kind}/{name}": value for kind in "mv" for name, value in getattr(adam, kind).items()}
    return {"adam/step": np.array(adam.step, np.int64), **moments, **others}


def unpack_training_state(
    architecture: Architecture, state: Mapping[str, NDArray[Any]], others: tuple[str, ...]
) -> tuple[AdamState, dict[str, NDArray[Any]]]:
    """Part a training state again, for `Trainable.load_training_state`, if it is whole.

    Parameters
    ----------
    architecture : Architecture
        The network.
    state : mapping of str to ndarray
        What `pack_training_state` made.
    others : tuple of str
        Names of the entries that are not Adam's.

    Returns
    -------
    AdamState
        Step and moments.
    dict of str to ndarray
        The other entries.

    Raises
    ------
    BackendError
        If an entry is missing or unknown, or a moment has another shape than its weight: training that goes on without
        one would be another training.
    """
    weights = architecture.weight_specs()
    shapes = {f"adam/{kind}/{name}": weights[name].shape for kind in "mv" for name in architecture.trainable}
    expected = {"adam/step", *shapes, *others}
    if state.keys() != expected:
        missing, unknown = sorted(expected - state.keys()), sorted(state.keys() - expected)
        raise BackendError(
            "expected the training state of this network, received another"
            + (f"; missing {', '.join(missing)}" if missing else "")
            + (f"; unknown {', '.join(unknown)}" if unknown else "")
        )
    for name, shape in ({"adam/step": ()} | shapes).items():
        if state[name].shape != shape:
            raise BackendError(f"{name}: expected shape {shape}, received {state[name].shape}")
    m, v = ({name: state[f"adam/{kind}/{name}"] for name in architecture.trainable} for kind in "mv")
    return AdamState(int(state["adam/step"]), m, v), {name: state[name] for name in others}
