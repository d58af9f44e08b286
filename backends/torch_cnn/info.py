"""What the PyTorch backend says of itself; imports no framework."""

from genrebench.backend import BackendInfo

INFO = BackendInfo(
    name="torch",
    framework="torch",
    summary="PyTorch: builds, trains, predicts",
    devices=("cpu", "cuda", "mps"),
    can_train=True,
    implementation="backends.torch_cnn.backend:TorchBackend",
    precisions=("float32", "bfloat16"),
)
