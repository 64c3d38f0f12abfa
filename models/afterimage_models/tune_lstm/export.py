"""The network as the plugin takes it: one token a call, the state in and out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .network import TuneNetwork

OPSET = 17
INPUTS = ("token", "label", "metre", "state.h", "state.c")
OUTPUTS = ("logits", "state.h.out", "state.c.out")


class StepNetwork(nn.Module):
    """One step of a trained network, in operators that every runtime has.

    What the first layer makes of its three embeddings is looked up in tables, since it depends on nothing else.
    Gates are in PyTorch's order: input, forget, cell, output.
    """

    def __init__(self, network: TuneNetwork) -> None:
        super().__init__()
        lstm, self.layers, self.hidden = network.lstm, network.shape.layers, network.shape.hidden
        parts = (network.token, network.label, network.metre)
        weights = lstm.weight_ih_l0.split([part.embedding_dim for part in parts], dim=1)
        tables = [part.weight @ weight.T for part, weight in zip(parts, weights, strict=True)]
        self.token, self.label, self.metre = (nn.Embedding.from_pretrained(t.detach()) for t in tables)
        self.across, self.along = nn.ModuleList(), nn.ModuleList()
        for layer in range(self.layers):
            along = _linear(getattr(lstm, f"weight_hh_l{layer}"), _both_biases(lstm, layer))
            self.along.append(along)
            if layer > 0:
                self.across.append(_linear(getattr(lstm, f"weight_ih_l{layer}"), None))
        self.head = network.head

    def forward(self, token: Tensor, label: Tensor, metre: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """`token`, `label`, `metre`: [batch, 1]; `h`, `c`: [batch, layers * hidden] -> logits [batch, tokens], h, c."""
        driven = (self.token(token) + self.label(label) + self.metre(metre))[:, 0]
        new_h, new_c = [], []
        layers = zip(h.split(self.hidden, 1), c.split(self.hidden, 1), strict=True)
        for layer, (h_in, c_in) in enumerate(layers):
            if layer > 0:
                driven = self.across[layer - 1](new_h[-1])
            write, forget, cell, show = (driven + self.along[layer](h_in)).split(self.hidden, 1)
            new_c.append(torch.sigmoid(forget) * c_in + torch.sigmoid(write) * torch.tanh(cell))
            new_h.append(torch.sigmoid(show) * torch.tanh(new_c[-1]))
        return self.head(new_h[-1]), torch.cat(new_h, 1), torch.cat(new_c, 1)


def _both_biases(lstm: nn.LSTM, layer: int) -> Tensor:
    return getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear


def export_onnx(network: TuneNetwork, path: Path) -> None:
    """Write the graph of one step, with a dynamic batch axis and constants folded."""
    step = StepNetwork(network.eval()).eval()
    batch, width = 2, network.shape.layers * network.shape.hidden
    number = torch.zeros(batch, 1, dtype=torch.int64)
    example = (number, number.clone(), number.clone(), torch.zeros(batch, width), torch.zeros(batch, width))
    torch.onnx.export(
        step, example, str(path), input_names=list(INPUTS), output_names=list(OUTPUTS), opset_version=OPSET,
        dynamic_axes={name: {0: "batch"} for name in (*INPUTS, *OUTPUTS)}, dynamo=False, do_constant_folding=True,
    )  # fmt: skip
