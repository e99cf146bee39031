"""The evidence lower bound of each single token, for texts that are only read."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from thinc.api import xp2torch
from thinc.types import Floats2d
from torch import Tensor

from ...tokens.dependency import Parse
from .decoders import Sample
from .encoder import Graph
from .objective import VAENetwork, kl_divergence


@torch.no_grad()
def token_bound(
    network: VAENetwork,
    words: Floats2d,
    syntax: Floats2d,
    parse: Parse,
    targets: NDArray[np.int64],
    *,
    n_passes: int,
) -> NDArray[np.float32]:
    """How well each token is explained. The means take the place of samples, so nothing depends on chance, nor on the
    other Docs.

    A decoder that reads the tokens' latents has to reconstruct every token once while it is hidden: in the first pass
    tokens 0, n_passes, ... of each Doc are hidden, in the second pass those behind them. The other decoders explain
    the clean text, and the KL divergence of its latent is shared by its tokens.

    network (VAENetwork): The network.
    words (Floats2d): Embedded words. *Shape:* (n_tokens, word_width)
    syntax (Floats2d): Embedded parts of speech and dependency labels. *Shape:* (n_tokens, syntax_width)
    parse (Parse): The batch.
    targets (NDArray[np.int64]): Row of each token's word in the vocabulary. *Shape:* (n_tokens,)
    n_passes (int): Passes over the batch; one in `n_passes` tokens is hidden in each.
    RETURNS (NDArray[np.float32]): Minus log-likelihood of the word, and KL divergence of its latent, in nats.
        *Shape:* (n_tokens, 2)
    """
    network.eval()
    device = network.mask.device
    inputs, context = (xp2torch(array, device=device) for array in (words, syntax))
    graph, rows = Graph(parse, device), torch.as_tensor(targets, device=device)
    if network.decoder.reads_tokens:
        positions = torch.as_tensor(np.arange(len(targets)) - np.repeat(parse.starts, parse.lengths), device=device)
        found = _hide_each_once(network, inputs, context, graph, rows, positions % n_passes)
    else:
        found = _read_whole_texts(network, inputs, context, graph, rows)
    bounds: NDArray[np.float32] = found.cpu().numpy()
    return bounds


def _hide_each_once(
    network: VAENetwork, inputs: Tensor, context: Tensor, graph: Graph, words: Tensor, passes: Tensor
) -> Tensor:
    found = inputs.new_zeros((len(inputs), 2))
    for i in passes.unique():
        hidden = passes == i
        masked = torch.where(hidden.unsqueeze(1), network.mask, inputs)
        _, (mean, log_variance), (doc_mean, _) = network.infer(masked, context, graph, 0.0)
        rows = hidden.nonzero().squeeze(1)
        found[rows, 0] = -network.decoder(words, Sample(mean[rows], doc_mean), graph, rows)
        found[rows, 1] = kl_divergence(mean[rows], log_variance[rows]).sum(dim=1)
    return found


def _read_whole_texts(network: VAENetwork, inputs: Tensor, context: Tensor, graph: Graph, words: Tensor) -> Tensor:
    _, _, (doc_mean, doc_log_variance) = network.infer(inputs, context, graph, 0.0)
    rows = torch.arange(len(inputs), device=inputs.device)
    kl = kl_divergence(doc_mean, doc_log_variance).sum(dim=1) / graph.doc_lengths.clamp(min=1)
    return torch.stack([-network.decoder(words, Sample(None, doc_mean), graph, rows), kl[graph.doc_index]], dim=1)
