"""The inference model: hidden states from words and parse, and the posterior on top of them."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...tokens.dependency import Parse

# Bounds of a log-variance; outside of them exp() says nothing useful and gradients explode.
LOG_VARIANCE_RANGE = (-8.0, 4.0)


class Graph:
    """Where each token's neighbours stand, as tensors. The row `n_tokens` means: nobody there.

    parse (Parse): The batch.
    device (torch.device): Where the network lies.
    """

    def __init__(self, parse: Parse, device: torch.device) -> None:
        doc_index = torch.as_tensor(parse.doc_index, device=device)
        heads = torch.as_tensor(parse.heads, device=device)
        rows = torch.arange(len(doc_index), device=device)
        nobody = len(doc_index)
        same_doc = doc_index[1:] == doc_index[:-1]
        self.doc_index = doc_index
        self.n_docs = len(parse.lengths)
        self.doc_lengths = torch.as_tensor(parse.lengths, device=device)
        self.left = rows - 1
        self.left[:1] = nobody
        self.left[1:][~same_doc] = nobody
        self.right = rows + 1
        self.right[-1:] = nobody
        self.right[:-1][~same_doc] = nobody
        self.is_child = heads != rows
        self.head = torch.where(self.is_child, heads, nobody)
        self.children, self.parents = rows[self.is_child], heads[self.is_child]
        self.n_children = torch.bincount(self.parents, minlength=nobody).clamp(min=1).unsqueeze(1)

    def sum_docs(self, values: Tensor) -> Tensor:
        """Add up the rows of each Doc. *Shape:* (n_tokens, ...) to (n_docs, ...)"""
        return values.new_zeros((self.n_docs, *values.shape[1:])).index_add(0, self.doc_index, values)


class Maxout(nn.Module):
    """Maxout with layer normalization and dropout, as in spaCy's encoders.

    n_in (int): Width of the input.
    width (int): Width of the output.
    pieces (int): Linear pieces of which the largest counts.
    """

    def __init__(self, n_in: int, width: int, pieces: int) -> None:
        super().__init__()
        self.width, self.pieces = width, pieces
        self.linear = nn.Linear(n_in, width * pieces)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, dropout: float) -> Tensor:
        """*Shape:* (n, n_in) to (n, width)"""
        best = self.linear(x).view(-1, self.width, self.pieces).amax(dim=2)
        return F.dropout(self.norm(best), dropout, self.training)


class ParseEncoder(nn.Module):
    """A window encoder (in the manner of spaCy's MaxoutWindowEncoder) followed by message passing along dependency
    arcs: each token reads its head and the mean of its children. Residual throughout.

    n_in (int): Width of the embedded tokens.
    width (int): Width of the hidden states.
    window_layers (int): Layers that read the token before and the token behind.
    parse_layers (int): Layers that read head and children.
    pieces (int): Maxout pieces.
    """

    def __init__(self, n_in: int, width: int, window_layers: int, parse_layers: int, pieces: int) -> None:
        super().__init__()
        self.reduce = Maxout(n_in, width, pieces)
        self.windows = nn.ModuleList(Maxout(3 * width, width, pieces) for _ in range(window_layers))
        self.arcs = nn.ModuleList(Maxout(3 * width, width, pieces) for _ in range(parse_layers))

    def forward(self, x: Tensor, graph: Graph, dropout: float) -> Tensor:
        """*Shape:* (n_tokens, n_in) to (n_tokens, width)"""
        hidden = self.reduce(x, dropout)
        for layer in self.windows:
            padded = F.pad(hidden, (0, 0, 0, 1))
            hidden = hidden + layer(torch.cat([padded[graph.left], hidden, padded[graph.right]], dim=1), dropout)
        for layer in self.arcs:
            padded = F.pad(hidden, (0, 0, 0, 1))
            children = torch.zeros_like(hidden).index_add(0, graph.parents, hidden[graph.children])
            children = children / graph.n_children
            hidden = hidden + layer(torch.cat([padded[graph.head], hidden, children], dim=1), dropout)
        return hidden


class Tok2VecNetwork(nn.Module):
    """The encoder alone, for a model without latents."""

    def __init__(self, **encoder: int) -> None:
        super().__init__()
        self.encoder = ParseEncoder(**encoder)

    def forward(self, words: Tensor, syntax: Tensor, parse: Parse, dropout: float) -> Dict[str, Tensor]:
        """*Shape:* (n_tokens, word_width) and (n_tokens, syntax_width) to hidden: (n_tokens, width)"""
        graph = Graph(parse, words.device)
        return {"hidden": self.encoder(torch.cat([words, syntax], dim=1), graph, dropout)}


class Posterior(nn.Module):
    """Mean and log-variance of a diagonal Gaussian, read from hidden states.

    width (int): Width of the hidden states.
    latent_width (int): Dimensions of the latent.
    mean_scale (Optional[float]): Standard deviation over the data that each dimension's mean is normalised to, None
        to leave the means as they are.
    """

    def __init__(self, width: int, latent_width: int, mean_scale: Optional[float] = None) -> None:
        super().__init__()
        self.mean = nn.Linear(width, latent_width)
        self.log_variance = nn.Linear(width, latent_width)
        self.normalize = None if mean_scale is None else MeanNorm(latent_width, mean_scale)

    def forward(self, hidden: Tensor) -> Tuple[Tensor, Tensor]:
        """*Shape:* (n, width) to twice (n, latent_width)"""
        mean = self.mean(hidden)
        if self.normalize is not None:
            mean = self.normalize(mean)
        return mean, self.log_variance(hidden).clamp(*LOG_VARIANCE_RANGE)


class MeanNorm(nn.Module):
    """Batch normalisation of posterior means with a fixed scale and a learned shift, which keeps the KL divergence of
    each dimension above scale^2 / 2 on average, so that it cannot vanish (Zhu et al. 2020, section 4).

    width (int): Dimensions of the latent.
    scale (float): Standard deviation of each dimension over a batch.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(width))
        self.register_buffer("scale", torch.full((width,), scale))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_variance", torch.ones(width))

    def forward(self, mean: Tensor) -> Tensor:
        """*Shape:* (n, width)"""
        # One row has no variance: it is measured by what was seen before.
        training = self.training and len(mean) > 1
        return F.batch_norm(mean, self.running_mean, self.running_variance, self.scale, self.shift, training)


def sample(mean: Tensor, log_variance: Tensor, generator: Optional[torch.Generator] = None) -> Tensor:
    """Draw from a Gaussian by reparameterization, z = mean + std * eps (Kingma and Welling 2014, section 2.4).

    *Shape:* (n, latent_width)
    """
    eps = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + torch.exp(0.5 * log_variance) * eps


def pool_docs(hidden: Tensor, graph: Graph) -> Tensor:
    """Average the hidden states of each Doc; zeros for an empty one. *Shape:* (n_docs, width)"""
    return graph.sum_docs(hidden) / graph.doc_lengths.clamp(min=1).unsqueeze(1)
