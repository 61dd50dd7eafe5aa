"""Execution of static ONNX graphs in PyTorch, operator by operator."""
