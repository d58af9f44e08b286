"""What the PyTorch backend says of itself; imports no framework."""

from genrebench.backend.protocol import BackendInfo

INFO = BackendInfo(
    name="torch",
    framework="torch",
    summary="PyTorch: builds, trains, predicts",
    devices=("cpu", "cuda", "mps"),
    can_train=True,
    implementation="genrebench_torch.backend:TorchBackend",
    precisions=("float32", "bfloat16"),
)
