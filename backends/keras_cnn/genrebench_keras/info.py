"""What the Keras backends say of themselves, one for each engine under Keras; imports no framework."""

from dataclasses import replace

from genrebench.backend.protocol import BackendInfo

KERAS = BackendInfo(
    name="keras",
    framework="keras",
    summary="Keras on TensorFlow: builds, predicts",
    devices=("cpu", "cuda"),
    can_train=False,
    implementation="genrebench_keras.backend:KERAS",
    requires=("tensorflow",),
)
KERAS_JAX = replace(
    KERAS,
    name="keras-jax",
    summary="Keras on JAX: builds, predicts",
    devices=("cpu",),
    implementation="genrebench_keras.backend:KERAS_JAX",
    requires=("jax",),
)
KERAS_TORCH = replace(
    KERAS,
    name="keras-torch",
    summary="Keras on PyTorch: builds, predicts",
    implementation="genrebench_keras.backend:KERAS_TORCH",
    requires=("torch",),
)
