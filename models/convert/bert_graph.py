"""Writes the ONNX graph of a BERT encoder around given weights.

The graph is made node by node because the usual exporters need torch, which is a hundred
times the size of everything else here. Weights carry the names of the Hugging Face
`BertModel` state dict; inputs and output carry the names that fastembed expects.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # the first with LayerNormalization
IR_VERSION = 10
MASKED = -10_000.0  # added to the attention scores of padding


@dataclass(frozen=True)
class BertShape:
    """The numbers that the weights alone do not tell."""

    hidden: int
    layers: int
    heads: int
    layer_norm_eps: float

    @classmethod
    def from_config(cls, config: dict) -> "BertShape":
        return cls(
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            layer_norm_eps=config["layer_norm_eps"],
        )


def build(weights: dict[str, np.ndarray], shape: BertShape) -> onnx.ModelProto:
    """The fp32 encoder: token ids in, one vector per token out (pooling is the caller's)."""
    graph = _Graph(weights, shape)
    states = graph.embeddings()
    mask = graph.attention_mask()
    for layer in range(shape.layers):
        states = graph.encoder_layer(f"encoder.layer.{layer}", states, mask)
    graph.node("Identity", states, output="last_hidden_state")
    return graph.to_model()


class _Graph:
    """Collects nodes and constants; every method adds some and returns its output's name."""

    def __init__(self, weights: dict[str, np.ndarray], shape: BertShape):
        self.weights = weights
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes) -> str:
        name = f"{op}_{len(self.nodes)}"
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=name, **attributes))
        return output

    def constant(self, name: str, value, dtype=np.float32) -> str:
        """A named constant; asking for the same name again shares it."""
        if name not in self.constants:
            array = np.ascontiguousarray(np.asarray(value, dtype))
            # ascontiguousarray turns a scalar into a vector of one; undo that.
            array = array.reshape(np.shape(value))
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def embeddings(self) -> str:
        words = self.node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        types = self.node("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        total = self.node("Add", self.node("Add", words, types), self.positions())
        return self.layer_norm("embeddings.LayerNorm", total)

    def positions(self) -> str:
        """The first rows of the position table, as many as there are tokens."""
        zero = self.constant("axis_0", [0], np.int64)
        one = self.constant("axis_1", [1], np.int64)
        length = self.node("Gather", self.node("Shape", "input_ids"), one, axis=0)
        table = self.weight("embeddings.position_embeddings.weight")
        return self.node("Unsqueeze", self.node("Slice", table, zero, length, zero), zero)

    def attention_mask(self) -> str:
        """0 for a token and MASKED for padding, shaped to broadcast over heads and queries."""
        mask = self.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        padding = self.node("Sub", self.constant("one", 1.0), mask)
        bias = self.node("Mul", padding, self.constant("masked", MASKED))
        return self.node("Unsqueeze", bias, self.constant("axes_1_2", [1, 2], np.int64))

    def encoder_layer(self, name: str, states: str, mask: str) -> str:
        attended = self.self_attention(f"{name}.attention.self", states, mask)
        attended = self.linear(f"{name}.attention.output.dense", attended)
        states = self.layer_norm(f"{name}.attention.output.LayerNorm", self.node("Add", attended, states))
        inner = self.gelu(self.linear(f"{name}.intermediate.dense", states))
        inner = self.linear(f"{name}.output.dense", inner)
        return self.layer_norm(f"{name}.output.LayerNorm", self.node("Add", inner, states))

    def self_attention(self, name: str, states: str, mask: str) -> str:
        head_size = self.shape.hidden // self.shape.heads
        query = self.heads(f"{name}.query", states, order=[0, 2, 1, 3])
        key = self.heads(f"{name}.key", states, order=[0, 2, 3, 1])  # already transposed
        value = self.heads(f"{name}.value", states, order=[0, 2, 1, 3])
        scores = self.node(
            "Div", self.node("MatMul", query, key), self.constant("sqrt_head_size", np.sqrt(head_size))
        )
        shares = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        context = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.node("Reshape", context, self.constant("merge_heads", [0, 0, self.shape.hidden], np.int64))

    def heads(self, name: str, states: str, order: list[int]) -> str:
        """A projection, split into heads."""
        head_size = self.shape.hidden // self.shape.heads
        split = self.constant("split_heads", [0, 0, self.shape.heads, head_size], np.int64)
        return self.node("Transpose", self.node("Reshape", self.linear(name, states), split), perm=order)

    def linear(self, name: str, states: str) -> str:
        weight = self.constant(f"{name}.weight.T", self.weights[f"{name}.weight"].T)
        return self.node("Add", self.node("MatMul", states, weight), self.weight(f"{name}.bias"))

    def layer_norm(self, name: str, states: str) -> str:
        return self.node(
            "LayerNormalization",
            states,
            self.weight(f"{name}.weight"),
            self.weight(f"{name}.bias"),
            axis=-1,
            epsilon=self.shape.layer_norm_eps,
        )

    def gelu(self, states: str) -> str:
        """The exact form, x/2 * (1 + erf(x/sqrt 2)): both models were trained with it."""
        erf = self.node("Erf", self.node("Div", states, self.constant("sqrt_2", np.sqrt(2.0))))
        gate = self.node("Add", erf, self.constant("one", 1.0))
        return self.node("Mul", self.node("Mul", states, gate), self.constant("half", 0.5))

    def to_model(self) -> onnx.ModelProto:
        axes = ["batch", "sequence"]
        names = ("input_ids", "attention_mask", "token_type_ids")
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in names]
        output = helper.make_tensor_value_info(
            "last_hidden_state", TensorProto.FLOAT, [*axes, self.shape.hidden]
        )
        graph = helper.make_graph(self.nodes, "bert", inputs, [output], list(self.constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="turnwise"
        )
        model.ir_version = IR_VERSION
        return model
