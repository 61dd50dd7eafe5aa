"""Static ONNX graphs executed by torch modules, operator by operator."""
