"""What the ONNX backend says of itself; imports neither ONNX nor ONNX Runtime."""

from genrebench.backend.protocol import BackendInfo

INFO = BackendInfo(
    name="onnx",
    framework="onnxruntime",
    summary="ONNX Runtime: predicts",
    devices=("cpu",),
    can_train=False,
    implementation="genrebench_onnx.backend:OnnxBackend",
    requires=("onnx",),
    predicts_only=True,
)
