"""Expected values for the plugin's runtimes and sampler, from PyTorch and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..events.sampling import nucleus
from .network import TuneNetwork
from .pack import TEMPERATURE, TOP_P
from .split import HELD_OUT
from .tune_set import TuneSet
from .vocabulary import VOCABULARY

TOKENS, EVERY = 72, 8


@torch.no_grad()
def golden(network: TuneNetwork, tunes: TuneSet) -> dict[str, Any]:
    """The first tokens of a held-out piece, and after every eighth the logits and the sampler's probabilities.

    `tokens`: fed one by one from the resting state, with `label` and `metre`. `steps`: 0-based positions in `tokens`;
    `logits`: [steps, size] after reading that token; `probabilities`: [steps, size] of the next token after
    temperature, grammar and top-p.
    """
    index = int(tunes.of_part(HELD_OUT)[0])
    tokens = tunes.tokens[index][:TOKENS]
    label, metre = torch.tensor([tunes.label[index]]), torch.tensor([tunes.metre[index]])
    logits, _ = network(torch.from_numpy(tokens)[:, None], label, metre, network.rest(1))
    steps = np.arange(EVERY - 1, len(tokens), EVERY)
    shown = logits[:, 0].numpy()[steps]
    chances = nucleus(shown, VOCABULARY.may_follow[tokens[steps]], TEMPERATURE, TOP_P)
    return {
        "title": tunes.pieces[index].title, "label": int(label), "metre": int(metre), "tokens": tokens.tolist(),
        "steps": steps.tolist(), "logits": np.round(shown.astype(float), 6).tolist(),
        "temperature": TEMPERATURE, "top_p": TOP_P, "probabilities": np.round(chances, 6).tolist(),
        "tolerance": 1e-3,
    }  # fmt: skip
