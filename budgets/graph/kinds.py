"""ONNX operator types grouped by their cost."""

from __future__ import annotations

from maenas.blocks.op import Act, OpKind

STANDARD = ("", "ai.onnx")  # domains of the operators in the tables below
# Activations by their cost: a comparison, or an exponential.
ACTS: dict[str, Act] = {
    **dict.fromkeys(("Relu", "LeakyRelu", "PRelu", "Clip", "ThresholdedRelu"), "relu"),
    **dict.fromkeys(("Sigmoid", "HardSigmoid", "Tanh", "Softplus"), "sigmoid"),
    **dict.fromkeys(("HardSwish", "Mish", "Elu", "Selu", "Celu", "Gelu", "Swish"), "silu"),
}
UNARY = ("Exp", "Log", "Sqrt", "Neg", "Abs", "Erf", "Floor", "Ceil", "Round", "Reciprocal", "Sin",
         "Cos", "Atan", "Not", "Sign", "Softsign")  # fmt: skip
SUMS = ("Add", "Sub", "Sum")
PRODUCTS = ("Mul", "Div", "Pow", "Min", "Max", "Where", "Greater", "Less", "Equal", "And", "Or",
            "Xor", "GreaterOrEqual", "LessOrEqual", "Mod")  # fmt: skip
# Operators that need only their shapes.
SIMPLE: dict[str, OpKind] = {
    **dict.fromkeys(("Transpose", "Pad", "Expand", "Tile"), "copy"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "ReduceMin",
                     "ReduceSum", "ReduceL2", "ArgMax"), "global_pool"),
    **dict.fromkeys(("SpaceToDepth", "DepthToSpace"), "slice"),
    **dict.fromkeys(("Resize", "Upsample"), "upsample"),
    **dict.fromkeys(("Gather", "GatherElements", "GatherND", "ScatterND"), "gather"),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization"), "norm"),
    "Softmax": "softmax",
    "Split": "split",
    "TopK": "topk",
    "GridSample": "grid_sample",
}  # fmt: skip
SHAPES_ONLY = ("Shape", "Size", "Constant", "ConstantOfShape", "Range")
FREE = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", *SHAPES_ONLY)
SAME = ("Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear")
