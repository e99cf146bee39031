"""The generative model: text from latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TokenDecoder(nn.Module):
    """p(x_t | z_t, z_d): each word from its own latent and that of the text, independent of the other words.

    latent_width (int): Dimensions of a token's latent.
    doc_latent_width (int): Dimensions of the text's latent.
    width (int): Width of the layer in between.
    n_words (int): Size of the vocabulary, the unknown word included.
    """

    def __init__(self, latent_width: int, doc_latent_width: int, width: int, n_words: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_width + doc_latent_width, width)
        self.norm = nn.LayerNorm(width)
        self.words = nn.Linear(width, n_words)

    def forward(self, tokens: Tensor, docs: Tensor) -> Tensor:
        """Logits of the words.

        tokens (Tensor): Latents of some tokens. *Shape:* (n, latent_width)
        docs (Tensor): Latent of each token's text. *Shape:* (n, doc_latent_width)
        RETURNS (Tensor): *Shape:* (n, n_words)
        """
        return self.words(self.norm(F.gelu(self.hidden(torch.cat([tokens, docs], dim=1)))))
