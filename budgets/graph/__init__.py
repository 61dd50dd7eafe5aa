"""ONNX graphs as lists of operators, and operators as ONNX graphs."""

from maenas.budgets.graph.inputs import GraphError
from maenas.budgets.graph.layer import Layer, Layers
from maenas.budgets.graph.layers import graph_layers
from maenas.budgets.graph.model import load_graph, static_graph

__all__ = ["GraphError", "Layer", "Layers", "graph_layers", "load_graph", "static_graph"]
