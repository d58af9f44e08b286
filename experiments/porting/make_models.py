"""Write a model of every kind of layer with whatever Keras there is, 1.1 to 3.x, with what it computes.

    OLD/bin/python experiments/porting/make_models.py FOLDER

Run it with an interpreter that has a Keras of any version (an environment for each, such as ``keras==1.2.2
tensorflow==1.2.1`` on Python 3.6, ``tensorflow-cpu==2.3.4`` on 3.8, ``keras==3.15``). Every model becomes ``NAME.h5``,
and ``NAME.keras`` where the version writes that, beside ``NAME.npz`` with random inputs and the outputs that this Keras
computed for them. What a version does not have is left out, and said. `read_models.py` reads them all.

Nothing here is newer than Python 3.6, and nothing of genrebench is used.
"""

import argparse
import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from made_chains import chains, old_chains
from made_graphs import graphs, old_graphs

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.simplefilter("ignore")


def load_keras():
    """Import the Keras that is there: TensorFlow's own where no other is, or where it is asked for."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if os.environ.get("MAKE_MODELS_TF_KERAS"):
        import tensorflow as tf

        return tf.keras, tf.keras.__version__
    try:
        import keras
    except ImportError:
        from tensorflow import keras
    return keras, getattr(keras, "__version__", "")


def chain(keras, shape, make, integers):
    """Put layers one behind the other, as a Functional model or a Sequential."""
    x = keras.layers.Input(shape, dtype="int32" if integers else "float32")
    y = x
    for layer in make():
        y = layer(y)
    # Keras 1 has its own words for them; positions are the same.
    return keras.models.Model(x, y)


def fill(model, chance):
    """Give a model weights of which no two are alike; variances are positive."""
    values = []
    for value in model.get_weights():
        value = np.asarray(value)
        drawn = 0.5 * np.abs(chance.normal(size=value.shape)) + 0.2
        signed = drawn * np.where(chance.uniform(size=value.shape) < 0.5, -1, 1) if value.ndim > 1 else drawn
        values.append(signed.astype(value.dtype) if value.dtype.kind == "f" else value)
    model.set_weights(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # of Normalization, which computes with copies
            layer.finalize_state()


def given(model, chance):
    """Draw inputs; whole numbers for embeddings, 0 among them, which may be masked."""
    inputs = []
    for each in model.inputs:
        shape = getattr(each, "_keras_shape", None) or tuple(each.shape)
        lengths = [int(getattr(length, "value", length) or 7) for length in shape[1:]]
        if "int" in str(each.dtype):
            inputs.append(chance.randint(0, 9, size=[5, *lengths]).astype("int32"))
        else:
            inputs.append(chance.normal(size=[5, *lengths]).astype("float32"))
    return inputs


def main():
    """Write all that this Keras can."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--only", nargs="+", help="the names of some models")
    options = parser.parse_args()
    keras, version = load_keras()
    k = keras.layers
    is_old = version.startswith(("0", "1"))
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, shape, make in old_chains(k) if is_old else Present(k).chains():
        made.append((name, lambda shape=shape, make=make, name=name: chain(keras, shape, make, "embedding" in name)))
    made += list(old_graphs(keras, k) if is_old else graphs(keras, k))
    written = 0
    for name, make in made:
        if options.only and name not in options.only:
            continue
        keras.backend.clear_session()  # of TensorFlow 1, in which every model grows one graph
        chance = np.random.RandomState(sum(map(ord, name)))
        path = str(folder / name)
        try:
            model = make()
            fill(model, chance)
            inputs = given(model, chance)
            outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
            model.save(path + ".h5")
        except Exception as error:  # whatever a version says of what it does not have
            reason = str(error).split("\n")[0][:150]
            print(f"{name}: {type(error).__name__}: {reason}")
            continue
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        arrays = {f"input_{number}": each for number, each in enumerate(inputs)}
        arrays.update({f"output_{number}": np.asarray(each) for number, each in enumerate(outputs)})
        np.savez(path + ".npz", **arrays)
        if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) >= (2, 12):
            model.save(path + ".keras")
        written += 1
    print(f"Keras {version} on Python {sys.version.split()[0]}: {written} of {len(made)} models")


class Present:
    """The layers that a version has: one that is absent makes a model that cannot be made, and nothing else."""

    def __init__(self, layers):
        """Stand before the module of layers."""
        self._layers = layers

    def __getattr__(self, name):
        """Find a layer, or what says that there is none."""

        def absent(*_arguments, **_settings):
            """Refuse to be made."""
            raise LookupError("no layer " + name)

        places = [self._layers, getattr(getattr(self._layers, "experimental", None), "preprocessing", None)]
        return next((getattr(each, name) for each in places if hasattr(each, name)), absent)

    def chains(self):
        """List the networks of one layer behind the other."""
        return chains(self)


if __name__ == "__main__":
    main()
