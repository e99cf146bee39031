"""The generative models: text from latents.

Each gives the log-likelihood of the tokens of a batch, so that one objective serves them all:
`forward(words, latents, graph, rows, dropout)`. A decoder with `reads_tokens` explains each token by its own latent and
may be asked for some rows only; the others explain the whole text by its one latent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Type

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .encoder import Graph

# Row of the vocabulary for all words that are not in it.
UNKNOWN = 0
# Activation of a dimension at which the words that stand for it are ranked.
LARGE_ACTIVATION = 10.0
# Temperature up to which the likeliest word is taken.
TINY_TEMPERATURE = 1e-6


@dataclass(frozen=True)
class Sample:
    """Latents drawn for a batch.

    tokens (Optional[Tensor]): Of the tokens that are to be explained, None where the decoder reads none. *Shape:*
        (n_rows, latent_width)
    docs (Tensor): Of the texts. *Shape:* (n_docs, doc_latent_width)
    """

    tokens: Optional[Tensor]
    docs: Tensor


class Decoder(nn.Module):
    """p(x|z). See the module."""

    reads_tokens = False

    def forward(self, words: Tensor, latents: Sample, graph: Graph, rows: Tensor, dropout: float = 0.0) -> Tensor:
        """Log-likelihood of each token, in nats.

        words (Tensor): Row of each token's word in the vocabulary. *Shape:* (n_tokens,)
        latents (Sample): The latents.
        graph (Graph): The batch.
        rows (Tensor): The tokens that are to be explained; all of them unless `reads_tokens`. *Shape:* (n_rows,)
        dropout (float): Dropout rate.
        RETURNS (Tensor): *Shape:* (n_rows,)
        """
        raise NotImplementedError

    def units(self, words: Tensor, graph: Graph) -> Tensor:
        """How many predictions each token stands for; figures a token are sums divided by this one's sum.

        *Shape:* (n_tokens,) to (n_tokens,)
        """
        return torch.ones_like(words)


class WordDecoder(Decoder):
    """p(x_t | z_t, z_d): each word from its own latent and that of the text, independent of the other words.

    latent_width (int): Dimensions of a token's latent.
    doc_latent_width (int): Dimensions of the text's latent.
    n_words (int): Size of the vocabulary, the unknown word included.
    width (int): Width of the layer in between.
    """

    reads_tokens = True

    def __init__(self, *, latent_width: int, doc_latent_width: int, n_words: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_width + doc_latent_width, width)
        self.norm = nn.LayerNorm(width)
        self.words = nn.Linear(width, n_words)

    def forward(self, words: Tensor, latents: Sample, graph: Graph, rows: Tensor, dropout: float = 0.0) -> Tensor:
        logits = self.logits(latents.tokens, latents.docs[graph.doc_index[rows]])
        return -F.cross_entropy(logits, words[rows], reduction="none")

    def logits(self, tokens: Optional[Tensor], docs: Tensor) -> Tensor:
        """Scores of the words.

        tokens (Optional[Tensor]): Latents of some tokens. *Shape:* (n, latent_width)
        docs (Tensor): Latent of each token's text. *Shape:* (n, doc_latent_width)
        RETURNS (Tensor): *Shape:* (n, n_words)
        """
        assert tokens is not None
        return self.words(self.norm(F.gelu(self.hidden(torch.cat([tokens, docs], dim=1)))))


class GRUDecoder(Decoder):
    """p(x_t | x_<t, z_d): a recurrent language model that reads the text's latent at every step, and as its first
    state. Words of its input are dropped in training, so that it has to ask the latent (Bowman et al. 2016, section
    3.2). Input and output share one embedding.

    doc_latent_width (int): Dimensions of the text's latent.
    n_words (int): Size of the vocabulary, the unknown word included.
    width (int): Width of the recurrent state.
    embed_width (int): Width of the words' embedding.
    word_dropout (float): Share of the input words that are dropped in training.
    """

    def __init__(
        self, *, doc_latent_width: int, n_words: int, width: int, embed_width: int, word_dropout: float
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        # Behind the words: the border of a text, first input and last output; and the dropped word.
        self.border, self.dropped = n_words, n_words + 1
        self.embed = nn.Embedding(n_words + 2, embed_width)
        nn.init.normal_(self.embed.weight, std=embed_width**-0.5)
        self.first = nn.Linear(doc_latent_width, width)
        self.gru = nn.GRU(embed_width + doc_latent_width, width, batch_first=True)
        self.output = nn.Linear(width + doc_latent_width, embed_width)
        self.bias = nn.Parameter(torch.zeros(n_words + 1))

    def forward(self, words: Tensor, latents: Sample, graph: Graph, rows: Tensor, dropout: float = 0.0) -> Tensor:
        filled = graph.doc_lengths > 0
        lengths, docs = graph.doc_lengths[filled], latents.docs[filled]
        steps = torch.arange(int(lengths.max()) + 1, device=words.device)
        is_word, is_step = steps < lengths.unsqueeze(1), steps <= lengths.unsqueeze(1)
        targets = words.new_full(is_word.shape, self.border)
        targets[is_word] = words
        inputs = torch.cat([targets.new_full((len(targets), 1), self.border), targets[:, :-1]], dim=1)
        states, _ = self.gru(self._read(inputs, docs, dropout), self._start(docs))
        of_doc = torch.arange(len(docs), device=words.device).unsqueeze(1).expand(is_step.shape)[is_step]
        logits = self._logits(F.dropout(states[is_step], dropout, self.training), docs[of_doc])
        found = torch.zeros(is_step.shape, dtype=logits.dtype, device=words.device)
        found[is_step] = -F.cross_entropy(logits, targets[is_step], reduction="none")
        # The end of a text is predicted, too, and counts with its last token.
        last = F.one_hot(lengths - 1, found.shape[1]).to(found.dtype)
        return (found + last * found.gather(1, lengths.unsqueeze(1)))[is_word]

    def units(self, words: Tensor, graph: Graph) -> Tensor:
        ends = graph.doc_lengths.cumsum(0)[graph.doc_lengths > 0] - 1
        return torch.ones_like(words).index_add(0, ends, torch.ones_like(ends))

    def generate(
        self, docs: Tensor, max_length: int, temperature: float, generator: Optional[torch.Generator] = None
    ) -> List[List[int]]:
        """Write texts, word by word. The unknown word is never written.

        docs (Tensor): Latents. *Shape:* (n, doc_latent_width)
        max_length (int): Words after which a text ends in any case.
        temperature (float): What the scores are divided by before a word is drawn, 0 to take the best one.
        generator (Optional[torch.Generator]): Source of random numbers.
        RETURNS (List[List[int]]): Rows of the words of each text.
        """
        word = torch.full((len(docs), 1), self.border, device=docs.device)
        state = self._start(docs)
        columns = []
        for _ in range(max_length):
            states, state = self.gru(self._read(word, docs, 0.0), state)
            logits = self._logits(states[:, 0], docs)
            logits[:, UNKNOWN] = -torch.inf
            # Below, what the logits are divided by is 0 in single precision.
            if temperature > TINY_TEMPERATURE:
                word = torch.multinomial(F.softmax(logits / temperature, dim=1), 1, generator=generator)
            else:
                word = logits.argmax(dim=1, keepdim=True)
            columns.append(word)
        rows = torch.cat(columns, dim=1).tolist() if columns else [[] for _ in docs]
        return [row[: row.index(self.border)] if self.border in row else row for row in rows]

    def _start(self, docs: Tensor) -> Tensor:
        return torch.tanh(self.first(docs)).unsqueeze(0)

    def _read(self, inputs: Tensor, docs: Tensor, dropout: float) -> Tensor:
        if self.training and self.word_dropout:
            drop = (torch.rand(inputs.shape, device=inputs.device) < self.word_dropout) & (inputs != self.border)
            inputs = torch.where(drop, self.dropped, inputs)
        embedded = F.dropout(self.embed(inputs), dropout, self.training)
        return torch.cat([embedded, docs.unsqueeze(1).expand(-1, inputs.shape[1], -1)], dim=2)

    def _logits(self, states: Tensor, docs: Tensor) -> Tensor:
        return F.linear(self.output(torch.cat([states, docs], dim=1)), self.embed.weight[: self.border + 1], self.bias)


class BagOfWordsDecoder(Decoder):
    """p(w | z_d) = softmax_w(b + sum_d W_wd softplus(z_d)): the words of a text without their order, from a background
    and topics that each make some words likelier. Sums of logits are a product of experts, as in ProdLDA (Srivastava
    and Sutton 2017), with the background of SAGE (Eisenstein et al. 2011); the softplus keeps a topic from being used
    by its absence. Unknown words do not count.

    doc_latent_width (int): Dimensions of the text's latent: the topics.
    n_words (int): Size of the vocabulary, the unknown word included.
    frequencies (List[int]): How often each word stands in the training text, where the background starts from.
    """

    def __init__(self, *, doc_latent_width: int, n_words: int, frequencies: List[int]) -> None:
        super().__init__()
        # The unknown word has a row that is never read, so that rows of the vocabulary need no shift.
        counts = torch.tensor([1, *frequencies], dtype=torch.get_default_dtype()).clamp(min=1)
        assert len(counts) == n_words
        self.background = nn.Parameter((counts / counts.sum()).log())
        self.topics = nn.Parameter(torch.empty(doc_latent_width, n_words))
        # Small: topics have to grow from what texts share, not from chance.
        nn.init.normal_(self.topics, std=0.02)

    def forward(self, words: Tensor, latents: Sample, graph: Graph, rows: Tensor, dropout: float = 0.0) -> Tensor:
        logits = (self.background + F.softplus(latents.docs) @ self.topics)[:, 1:]
        likelihoods = F.pad(F.log_softmax(logits, dim=1), (1, 0))
        return likelihoods[graph.doc_index, words]

    def units(self, words: Tensor, graph: Graph) -> Tensor:
        return (words != UNKNOWN).long()

    def dimension_words(self) -> Tensor:
        """How well each word stands for each dimension: its likelihood where the dimension is large, which weighs how
        much likelier the dimension makes it against how frequent it is (as the relevance of Sievert and Shirley 2014).
        *Shape:* (doc_latent_width, n_words - 1)
        """
        return (self.background + LARGE_ACTIVATION * self.topics)[:, 1:]


DECODERS: Dict[str, Type[Decoder]] = {"words": WordDecoder, "gru": GRUDecoder, "bag": BagOfWordsDecoder}


def build_decoder(kind: str, settings: Dict[str, Any], latent_width: int, **widths: int) -> Decoder:
    """Make a decoder.

    kind (str): Its name in `DECODERS`.
    settings (Dict[str, Any]): Its own settings.
    latent_width (int): Dimensions of a token's latent.
    widths (int): Dimensions of the text's latent, and size of the vocabulary.
    RETURNS (Decoder): With new weights.
    """
    make = DECODERS[kind]
    tokens = {"latent_width": latent_width} if make.reads_tokens else {}
    return make(**tokens, **widths, **settings)
