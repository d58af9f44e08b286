"""What the NumPy backend says of itself."""

from genrebench.backend.protocol import BackendInfo

INFO = BackendInfo(
    name="numpy",
    framework="numpy",
    summary="NumPy reference: builds, predicts, says what is right in float64",
    devices=("cpu",),
    can_train=False,
    implementation="genrebench.backend.numpy_reference:NumpyBackend",
)
