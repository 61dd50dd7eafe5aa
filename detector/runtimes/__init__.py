"""What runs a detector: torch, ONNX Runtime, OpenVINO, TensorRT, behind one seam."""
