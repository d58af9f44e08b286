"""What the Keras backends say of themselves, one for each engine under Keras; imports no framework."""

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

KERAS_JAX = BackendInfo(
    name="keras-jax",
    framework="keras",
    summary="Keras on JAX: builds, predicts",
    devices=("cpu",),
    can_train=False,
    implementation="genrebench_keras.backend:KERAS_JAX",
    requires=("jax",),
)

KERAS_TORCH = BackendInfo(
    name="keras-torch",
    framework="keras",
    summary="Keras on PyTorch: builds, predicts",
    devices=("cpu", "cuda"),
    can_train=False,
    implementation="genrebench_keras.backend:KERAS_TORCH",
    requires=("torch",),
)
