"""The study of few labels: what is run. Each run is known by its name and by a hash of all that decides its result."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Callable, Dict, List, Sequence, Tuple

from _digests import digest
from _trainings import make_config

from spacy_vaedie.errors import Errors

Settings = Dict[str, Any]

# Another one makes all results those of another study, e.g. when a default of the package has changed.
VERSION = 3
SHARES = (5, 10, 15, 30, 100)
# At this share, all arms are compared.
MIDDLE = 10
# The arms that are run at all shares.
CURVES = ("parse", "fused", "parse+lexicon", "everything")
# What the claim of the project is compared with. The other arms are run on SemEval alone.
_ASKED = ("latents", "joint", "autoencoder", "random", "self-training")
# With more labels there is more to learn: how many times the updates of few labels.
UPDATES = {30: 2, 100: 3}

_PAIRS = {"@architectures": "spacy-vaedie.PairTerm.v1"}
_NONE = {"@misc": "spacy-vaedie.AutoencoderWarmup.v1", "steps": 10**9, "reset_decoder": False}
_SELF_TRAINING = {"@misc": "spacy-vaedie.SelfTraining.v1"}
_CONSISTENCY = {"@misc": "spacy-vaedie.Consistency.v1"}
# What `spacy project run lexicon .` writes.
LEXICON = "assets/lexicon/wordnet.jsonl.gz"
_LEXICON: Settings = {
    "initialize.lookups": {"@misc": "spacy-vaedie.Lexicon.v1", "path": LEXICON},
    "components.extractor.model.parts.classes": {"@architectures": "spacy-vaedie.ClassWeights.v1"},
}
_LISTENER = {"@architectures": "spacy-vaedie.LatentListener.v1", "upstream": "vae_encoder"}
# The latents of the arguments and the text between them: no parse, no words.
_LATENTS_ALONE: Settings = {
    "components.extractor.model.parts.path": None,
    "components.extractor.model.parts.lexical": None,
    "components.extractor.model.tok2vec.*": {"latents": _LISTENER},
}

# Of what an extractor reads that is trained together with the encoder. Without one, nothing reads and nothing changes.
_NOISY: Settings = {"components.vae_encoder.model.reading": {"@architectures": "spacy-vaedie.NoisyReading.v1"}}

_EMBED = "components.vae_encoder.model.embed"
# As in `extractor_trf.cfg`: the transformer stays as it is, and what it says of a text is kept.
_TRANSFORMER: Settings = {
    "@architectures": "spacy-vaedie.RememberedTok2Vec.v1",
    "frozen": True,
    "max_words": 200000,
    "group_words": 500,
    "tok2vec": {
        "@architectures": "spacy-transformers.Tok2VecTransformer.v3",
        "name": "${paths.transformer}",
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {},
        "pooling": {"@layers": "reduce_mean.v1"},
        "grad_factor": 1.0,
        "mixed_precision": False,
        "grad_scaler_config": {},
    },
}

# What the encoder below the extractor is, by name: what is changed in `vae.cfg`.
ENCODERS: Dict[str, Settings] = {
    "vae": _NOISY,
    "pairs": {**_NOISY, "components.vae_encoder.model.pairs": _PAIRS},
    "vae-trf": {**_NOISY, _EMBED: _TRANSFORMER},
    # No noise and no KL divergence for the whole training.
    "autoencoder": {"components.vae_encoder.objective.warmup": _NONE},
    "random": {"training.max_steps": 1, "training.optimizer.learn_rate": 0.0},
}
# The encoder is frozen in `few_labels.cfg`. Here it learns, and is read as it is in the update; or as it stands on the
# Docs, for a teacher.
_LEARNING: Settings = {"training.frozen_components": []}
_TRAINED_ON: Settings = {**_LEARNING, "training.annotating_components": []}

# What `everything` is: chosen on the dev set of SemEval with 10 % of the labels and seed 0, see docs/decisions.md.
EVERYTHING: Dict[str, Any] = {
    "encoder": "vae",
    "settings": {
        **_LEXICON,
        "components.extractor.unlabelled": {"self_training": _SELF_TRAINING},
    },
    "raw": True,
    "updates": 2,
}


@dataclass(frozen=True)
class Arm:
    """One way of training.

    name (str): As in the tables.
    encoder (str): One of `ENCODERS`, empty for an encoder that is trained with the extractor from random weights.
    settings (Settings): What is changed in `few_labels.cfg`, or in `few_labels_baseline.cfg` without an encoder.
    raw (bool): Whether the extractor reads raw text, too.
    vectors (bool): Whether encoder and extractor have the word vectors.
    updates (int): How many times the updates of `fused`: an encoder with random weights needs more, and so does a
        teacher, which has to become one first.
    """

    name: str
    encoder: str
    settings: Settings = field(default_factory=dict)
    raw: bool = False
    vectors: bool = True
    updates: int = 1

    @property
    def transformer(self) -> bool:
        """Whether its encoder stands on a transformer."""
        return _EMBED in ENCODERS.get(self.encoder, {})


ARMS: Dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("parse", "", updates=2),
        Arm("latents", "vae", _LATENTS_ALONE),
        Arm("fused", "vae"),
        Arm("joint", "vae", _TRAINED_ON, raw=True),
        Arm("autoencoder", "autoencoder"),
        Arm("random", "random"),
        Arm(
            "self-training",
            "",
            {"components.extractor.unlabelled": {"self_training": _SELF_TRAINING}},
            raw=True,
            updates=2,
        ),
        Arm(
            "fused+self-training",
            "vae",
            {"components.extractor.unlabelled": {"self_training": _SELF_TRAINING}},
            raw=True,
            updates=2,
        ),
        Arm(
            "consistency",
            "vae",
            {**_LEARNING, "components.extractor.unlabelled": {"consistency": _CONSISTENCY}},
            raw=True,
            updates=2,
        ),
        Arm(
            "label-term",
            "vae",
            {**_TRAINED_ON, "components.extractor.model.term": {"@architectures": "spacy-vaedie.LabelTerm.v1"}},
            raw=True,
        ),
        Arm("pairs", "pairs"),
        Arm("parse-no-vectors", "", updates=2, vectors=False),
        Arm("fused-no-vectors", "vae", vectors=False),
        Arm("parse+lexicon", "", _LEXICON, updates=2),
        Arm("fused+lexicon", "vae", _LEXICON),
        Arm("everything", **EVERYTHING),
        Arm("everything-trf", **{**EVERYTHING, "encoder": f"{EVERYTHING['encoder']}-trf"}),
    )
}


@dataclass(frozen=True)
class Corpus:
    """A corpus of the study.

    name (str): As in the tables, and the folder below `corpus/few-labels`.
    figure (str): What is reported.
    shares (Tuple[int, ...]): Percent of labelled texts.
    vae (Settings), extractor (Settings): What is changed in the configs for all arms.
    seeds (int), middle_seeds (int), full_seeds (int): Seeds of the curves, of the other arms, and with all labels.
    arms (Tuple[str, ...]), curves (Tuple[str, ...]): The arms at `MIDDLE`, and those at all shares.
    """

    name: str
    figure: str
    shares: Tuple[int, ...]
    vae: Settings
    extractor: Settings
    seeds: int = 5
    middle_seeds: int = 3
    full_seeds: int = 3
    arms: Tuple[str, ...] = tuple(name for name, arm in ARMS.items() if not arm.transformer)
    curves: Tuple[str, ...] = CURVES


# The encoder is that of the last update: nothing chooses one, and the dev text least of all. spaCy asks for some text
# to score in the first update, and never again.
_UNSCORED: Settings = {"training.eval_frequency": 10**9, "corpora.dev.limit": 10}
_VAE: Settings = {"training.max_steps": 1000, **_UNSCORED}
_EXTRACTOR: Settings = {
    "training.max_steps": 600,
    "training.eval_frequency": 100,
    "training.batcher.size": 500,
}
SEMEVAL = Corpus("semeval", "micro_f1_directed", SHARES, _VAE, _EXTRACTOR)
STUDY: Tuple[Corpus, ...] = (
    SEMEVAL,
    Corpus("semeval-masked", "micro_f1_directed", (MIDDLE,), _VAE, _EXTRACTOR, seeds=3, arms=(*CURVES, "autoencoder")),
    Corpus("conll04", "relation_micro_f1", SHARES, _VAE, _EXTRACTOR, arms=(*CURVES, *_ASKED)),
)
# What needs the extra `trf`.
TRANSFORMER: Tuple[Corpus, ...] = (
    replace(SEMEVAL, shares=(5, MIDDLE, 30), seeds=3, arms=("everything-trf",), curves=("everything-trf",)),
)
# So few updates that it says whether everything runs, and nothing else.
QUICK: Tuple[Corpus, ...] = (
    Corpus(
        "quickstart",
        "relation_micro_f1",
        (MIDDLE,),
        {"training.max_steps": 20, **_UNSCORED},
        {**_EXTRACTOR, "training.max_steps": 20, "training.eval_frequency": 10},
        seeds=1,
        middle_seeds=1,
        # Nothing else runs in those without word vectors, and there are none in every installation.
        arms=tuple(name for name in SEMEVAL.arms if ARMS[name].vectors),
    ),
)


@dataclass(frozen=True)
class Run:
    """One training of an extractor.

    corpus (Corpus), arm (Arm), share (int), seed (int): What is trained on what.
    """

    corpus: Corpus
    arm: Arm
    share: int
    seed: int

    @property
    def encoder(self) -> str:
        """Name of the encoder below it, the same for all runs that share it, with a digest of its config. Empty for
        none."""
        if not self.arm.encoder:
            return ""
        return "-".join([self.corpus.name, self.arm.encoder, str(self.seed), self._encoder_digest])

    @property
    def name(self) -> str:
        """Name of the run, with a digest of its config and that of its encoder: with another setting, or another
        default in `configs/`, it has another one. What it is trained on is in none of them, see `Study.name_of`."""
        decisive = digest([VERSION, config_digest(self.config, _dumped(self.settings)), self._encoder_digest])
        return "-".join([self.corpus.name, self.arm.name, str(self.share), str(self.seed), decisive])

    @property
    def config(self) -> str:
        """The config of the extractor, one of `configs/`."""
        return "few_labels.cfg" if self.arm.encoder else "few_labels_baseline.cfg"

    @property
    def _encoder_digest(self) -> str:
        settings = _dumped(self.encoder_settings)
        return digest([VERSION, config_digest("vae.cfg", settings)]) if self.arm.encoder else ""

    @property
    def encoder_settings(self) -> Settings:
        """What is changed in `vae.cfg`."""
        return {**self.corpus.vae, **ENCODERS[self.arm.encoder]} if self.arm.encoder else {}

    @property
    def settings(self) -> Settings:
        """What is changed in the extractor's config, but for paths and whether there are word vectors."""
        settings = {**self.corpus.extractor, **self.arm.settings}
        # All runs choose among as many pipelines.
        for setting in ("training.max_steps", "training.eval_frequency"):
            settings[setting] *= self.arm.updates * UPDATES.get(self.share, 1)
        return {**settings, **_mixed(settings)} if self.arm.raw else settings


def _mixed(settings: Settings) -> Settings:
    """Labelled and raw texts in turn. The two are the other way round: each epoch has every raw text once, and as many
    labelled ones beside, each of them equally often. So spaCy, which reads the corpus once and shuffles it in each
    epoch, has all of both, and the extractor starts from all labels. What depends on the number of texts is set by
    `mix`."""
    return {
        "corpora.train": {
            "@readers": "spacy-vaedie.MixedCorpus.v1",
            "raw_per_labelled": 1.0,
            "labelled": {"@readers": "spacy-vaedie.RawText.v1", "path": "${paths.raw}", "entities": True},
            "raw": {"@readers": "spacy-vaedie.RelationCorpus.v1", "path": "${paths.train}"},
        },
        "training.batcher.size": settings["training.batcher.size"],
    }


def mix(settings: Settings, n_labelled: int, n_raw: int) -> Settings:
    """Set what of a mixed corpus depends on the number of texts: how many labelled ones stand beside each raw one, and
    how large batches have to be to have as many labels as without raw text.

    settings (Settings): Those of a run with raw text.
    n_labelled (int), n_raw (int): Texts of each kind.
    RETURNS (Settings): The settings that change.
    """
    repeats = max(1, round(n_raw / n_labelled))
    corpus = settings["corpora.train"]
    # Half a text more than needed, lest the last one is lost to rounding.
    return {
        "corpora.train": {**corpus, "raw_per_labelled": (repeats * n_labelled + 0.5) / n_raw},
        "training.batcher.size": round(settings["training.batcher.size"] * (1 + n_raw / (repeats * n_labelled))),
    }


def plan(corpora: Tuple[Corpus, ...]) -> List[Run]:
    """All runs of a study, in the order in which they say most: the corpora in turn, first with the share at which all
    arms are compared, those of the curves before the others, and each seed with all of its arms.

    corpora (Tuple[Corpus, ...]): The corpora.
    RETURNS (List[Run]): The runs.
    """
    runs: List[Run] = []
    for corpus in corpora:
        for share in corpus.shares:
            for name in corpus.arms if share == MIDDLE else corpus.curves:
                most = corpus.full_seeds if share == 100 else corpus.seeds
                n_seeds = most if name in corpus.curves else corpus.middle_seeds
                runs += [Run(corpus, ARMS[name], share, seed) for seed in range(n_seeds)]
    arms = [*CURVES, *ARMS]
    return sorted(
        runs,
        key=lambda run: (
            run.share != MIDDLE,
            run.share,
            run.arm.name not in run.corpus.curves,
            run.seed,
            arms.index(run.arm.name),
        ),
    )


def choose(
    runs: Sequence[Run],
    corpora: Sequence[str] = (),
    arms: Sequence[str] = (),
    shares: Sequence[int] = (),
    seeds: Sequence[int] = (),
) -> List[Run]:
    """Choose some runs of a plan.

    runs (Sequence[Run]): The plan.
    corpora (Sequence[str]), arms (Sequence[str]), shares (Sequence[int]), seeds (Sequence[int]): What is wanted, all
        where nothing is given.
    RETURNS (List[Run]): The runs, in their order.
    RAISES (ValueError): VE005 for something that is in no run of the plan.
    """
    wanted: Tuple[Tuple[str, Sequence[Any], Callable[[Run], Any]], ...] = (
        ("corpus", corpora, lambda run: run.corpus.name),
        ("arm", arms, lambda run: run.arm.name),
        ("share", shares, lambda run: run.share),
        ("seed", seeds, lambda run: run.seed),
    )
    for what, values, read in wanted:
        there = list(dict.fromkeys(map(read, runs)))
        for value in values:
            if value not in there:
                raise ValueError(Errors.VE005.format(value=value, what=what, options=", ".join(map(str, there))))
    return [run for run in runs if all(not values or read(run) in values for _, values, read in wanted)]


def _dumped(settings: Settings) -> str:
    return json.dumps(settings, sort_keys=True)


@cache
def config_digest(config: str, settings: str) -> str:
    """The whole config that is trained on, without what each machine and seed has of its own.

    config (str): One of `configs/`.
    settings (str): What is changed in it, as JSON.
    RETURNS (str): Its digest.
    """
    made = make_config(config, json.loads(settings))
    return digest({name: section for name, section in made.items() if name not in ("paths", "system")})
