"""ONNX for genrebench: an architecture as a graph of ONNX, and ONNX Runtime as a backend that predicts."""
