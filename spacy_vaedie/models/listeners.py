"""How other components read the latents."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from .vae import VAE, VAEBatch, token_gradients, token_vectors

Gradients = Callable[[List[Floats2d]], Any]


class LatentListener(Model[List[Doc], List[Floats2d]]):
    """Stands in a component's model where token vectors go in. In training it hands over what the upstream encoder
    computed in this update, and the gradient back to it; in prediction, or when the encoder is frozen, it reads
    `doc._.latents`.

    upstream_name (str): Name of the encoder in the pipeline.
    """

    name = "latent-listener"

    def __init__(self, upstream_name: str) -> None:
        super().__init__(name=self.name, forward=listener_forward, dims={"nO": None})
        self.upstream_name = upstream_name
        self.forget()

    def forget(self) -> None:
        """Forget the last update, so that the next call reads `doc._.latents`."""
        self.batch_id: Optional[int] = None
        self.outputs: List[Floats2d] = []
        self.backprop: Optional[Gradients] = None

    @classmethod
    def get_batch_id(cls, docs: Iterable[Doc]) -> int:
        """RETURNS (int): A number that tells batches apart, by the words and their order."""
        return hash(tuple(tuple(token.orth for token in doc) for doc in docs))

    def receive(self, batch_id: int, outputs: List[Floats2d], backprop: Gradients) -> None:
        """Take what the upstream encoder computed.

        batch_id (int): Which batch it is for.
        outputs (List[Floats2d]): *Shape:* (n_tokens, width) for each Doc
        backprop (Callable[[List[Floats2d]], Any]): Takes the gradient of the outputs.
        """
        self.batch_id, self.outputs, self.backprop = batch_id, outputs, backprop


def listener_forward(
    model: LatentListener, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """Means beside hidden states of each token. *Shape:* (n_tokens, width) for each Doc

    RAISES (ValueError): VE103 where the encoder saw another batch, VE104 where there are no latents.
    """

    def backprop(d_outputs: List[Floats2d]) -> List[Doc]:
        if is_train and model.backprop is not None:
            model.backprop(d_outputs)
        return []

    if is_train and model.backprop is not None:
        if model.get_batch_id(docs) != model.batch_id:
            raise ValueError(Errors.VE103.format(upstream=model.upstream_name))
        return model.outputs, backprop
    outputs = []
    for doc in docs:
        latents = doc._.latents
        if latents is None:
            raise ValueError(Errors.VE104.format(upstream=model.upstream_name))
        outputs.append(model.ops.asarray2f(latents.vectors))
    return outputs, backprop


@registry.architectures("spacy-vaedie.LatentListener.v1")
def build_latent_listener(upstream: str = "vae_encoder") -> Model[List[Doc], List[Floats2d]]:
    """Let a component read the latents of an encoder earlier in the pipeline.

    upstream (str): Name of the encoder in the pipeline.
    RETURNS (Model[List[Doc], List[Floats2d]]): The listener. *Shape:* (n_tokens, latent_width + width) for each Doc,
        the widths being those of the encoder.
    """
    return LatentListener(upstream)


@registry.architectures("spacy-vaedie.LatentTok2Vec.v1")
def build_latent_tok2vec(vae: VAE) -> Model[List[Doc], List[Floats2d]]:
    """An encoder of a component's own, where `nlp.replace_listeners` put a copy in a listener's place.

    vae (Model[VAEBatch, Posterior]): The VAE.
    RETURNS (Model[List[Doc], List[Floats2d]]): Token vectors. *Shape:* (n_tokens, latent_width + width) for each Doc
    """
    return Model("latent_tok2vec", tok2vec_forward, init=tok2vec_init, layers=[vae], dims={"nO": vae.get_dim("nO")})


def tok2vec_init(
    model: Model[List[Doc], List[Floats2d]], X: Optional[List[Doc]] = None, Y: Optional[Any] = None
) -> None:
    """Initialize the VAE."""
    if X is not None:
        model.layers[0].initialize(X=VAEBatch(X))


def tok2vec_forward(
    model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """*Shape:* (n_tokens, latent_width + width) for each Doc

    RAISES (ValueError): In the way back, VE120 where the gradient is no number.
    """
    vae = model.layers[0]
    posterior, bp_vae = vae(VAEBatch(docs), is_train)

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        # The component is none of this package, and does not look.
        if not all(model.ops.xp.isfinite(part.sum()) for part in d_vectors):
            raise ValueError(Errors.VE120)
        bp_vae(token_gradients(vae, d_vectors))
        return []

    return token_vectors(vae, posterior, docs), backprop


def make_replaceable(vae: VAE) -> VAE:
    """Prepare a VAE for `nlp.replace_listeners`, whose copies must give one array a Doc.

    vae (Model[VAEBatch, Posterior]): The VAE.
    RETURNS (Model[VAEBatch, Posterior]): The same one.
    """
    vae.attrs["replace_listener"] = build_latent_tok2vec
    vae.attrs["replace_listener_cfg"] = _replacement_config
    return vae


def _replacement_config(vae_config: Dict[str, Any], listener_config: Dict[str, Any]) -> Dict[str, Any]:
    return {"@architectures": "spacy-vaedie.LatentTok2Vec.v1", "vae": vae_config}
