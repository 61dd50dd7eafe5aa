"""Runtimes of a detector behind one interface: torch, ONNX Runtime, OpenVINO, TensorRT."""
