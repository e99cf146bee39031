"""Every message that the package raises or warns with, each under a code."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any


class _Coded(type):
    """Prefixes each message with its own name, so that code and text cannot drift apart."""

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        if isinstance(value, str) and not name.startswith("_"):
            return f"[{name}] {value}"
        return value


class Errors(metaclass=_Coded):
    """Messages of exceptions. Codes start with VE, so that they never look like spaCy's."""

    # What stands on a Doc
    VE001 = (
        "A relation needs a head and a tail of at least one token inside the Doc, but {relation} does not fit a Doc of "
        "{n_tokens} tokens. Give token offsets (start, end exclusive) of this Doc."
    )
    VE002 = (
        "doc._.relations takes a list of spacy_vaedie.tokens.Relation, or None for 'not annotated', but got {value!r}."
    )
    VE003 = (
        "The latents on this Doc were written for another tokenization: the Doc was retokenized after 'vae_encoder' "
        "ran. Move the component that merges or splits tokens before 'vae_encoder', or run the encoder again."
    )
    VE004 = (
        "doc._.latents takes a spacy_vaedie.tokens.Latents with one row a token, or None, but got {value} for a Doc of "
        "{n_tokens} tokens."
    )
    VE005 = "'{value}' is no {what}. Use one of: {options}."
    VE006 = (
        "'{name}' on this Doc was written for another text than '{text}': a part of a Doc was cut out and merged with "
        "something else. Set it to None and write it again."
    )
    VE007 = "The {field} of a relation is {value!r}, but it must be {must}."
    VE008 = (
        "Something else has registered the extension attribute '{owner}._.{name}'. Import spacy_vaedie only where that "
        "one is not needed, or rename the other one."
    )
    VE009 = (
        "This Doc was merged from parts that pool the latents of a span in different ways, so span._.latent says "
        "nothing. Choose one for the whole Doc: doc._.latents = dataclasses.replace(doc._.latents, span_pooling=...) "
        "with {options}."
    )
    VE010 = (
        "These two cannot be compared on their latents: {reason}. Run the same 'vae_encoder' over both. For spaCy's "
        "own similarity, set `similarity = null` in the config of 'vae_encoder'."
    )
    VE011 = (
        "Tokens and spans cannot be compared on these latents: there are none of tokens, since the decoder explains a "
        "whole text by one latent. Compare whole Docs, or train 'vae_encoder' with 'spacy-vaedie.WordDecoder.v1'. For "
        "spaCy's own similarity, set `similarity = null` in the config of 'vae_encoder'."
    )
    VE021 = (
        "A triple needs a subject and objects of at least one token inside the Doc, and the tokens of its relation "
        "there too, but {triple} does not fit a Doc of {n_tokens} tokens. Give token offsets (start, end exclusive) of "
        "this Doc."
    )
    VE022 = "doc._.triples takes a list of spacy_vaedie.tokens.Triple, or None for 'not annotated', but got {value!r}."
    VE023 = "The {field} of a triple is {value!r}, but it must be {must}."

    # vae_encoder and its listeners
    VE101 = (
        "The component '{name}' was used before it was initialized: its network has no weights yet. Call "
        "`nlp.initialize(...)` on a new pipeline, `pipe.initialize(get_examples, nlp=nlp)` on top of a loaded one, or "
        "load a trained pipeline."
    )
    VE102 = (
        "The component '{reader}' would read its vectors from doc.tensor written by another component: "
        "'{name}' feeds a stock listener through doc.tensor, and only one upstream can be there at a time ({detail}). "
        "Move components that listen to another upstream before '{name}', or give them their own copy with "
        "`nlp.replace_listeners`."
    )
    VE103 = (
        "The listener of '{upstream}' got other documents than '{upstream}' saw in this update. Components that listen "
        "are trained on the same batch, in the same order, as the encoder."
    )
    VE104 = (
        "A listener of '{upstream}' found no latents on a Doc. When '{upstream}' is frozen, name it in "
        "`[training] annotating_components` too; in prediction, it must be enabled and come before the component that "
        "listens, under the name that the listener was given."
    )
    VE105 = (
        "The corpus that '{name}' is initialized with holds no words to build a vocabulary from (minimum count "
        "{min_count}). Check the path of the raw text, or lower `min_count`."
    )
    VE106 = (
        "The saved weights of '{name}' cannot be read: {reason}. The model folder is damaged or incomplete; copy it "
        "again, or train and save it again."
    )
    VE107 = "'{setting}' is {value}, but it must be {must}. Change it in the block of the config that names '{owner}'."
    VE108 = (
        "No component '{upstream}' comes before the one that listens to it, so its vectors have no width. Add the "
        "encoder first, or give its name as `upstream` of the listener."
    )
    VE109 = (
        "'{reader}' listens to '{name}', but '{other}' in between writes doc._.latents anew. Put '{reader}' before "
        "'{other}', or let it listen to '{other}'."
    )
    VE110 = (
        "The loss of '{name}' became {loss} at step {step}; training stops, and the weights go back to those before "
        "the last update. The longest text of the batch begins with: {text!r}. Lower the learning rate or "
        "`grad_clip`, or take this text out. What `spacy train` saves now as `model-last` is sound; "
        "`model-best` is what it was."
    )
    VE111 = (
        "The gradient of '{name}' is no number any more (step {step}, weight {parameter}); training stops, and the "
        "weights go back to those before the last update. The longest text since then begins with: {text!r}. Lower the "
        "learning rate or `grad_clip`, or take this text out. What `spacy train` saves now as `model-last` is sound; "
        "`model-best` is what it was."
    )
    VE112 = (
        "'{name}' cannot {what} with the decoder '{decoder}'. Train one with a decoder that can: {options} (setting "
        "`decoder` of its model)."
    )
    VE113 = "'{name}' has no dimension {dim} of the text's latent: there are {width}, counted from 0."
    VE114 = "'{name}' found no text to compare with: the corpus that `nearest` was given is empty."
    VE115 = (
        "The bound of '{name}' on held-out text is {loss} at step {step}: the weights have grown beyond all bounds, "
        "and go back to those before the last update. The longest text begins with: {text!r}. Lower the learning "
        "rate or `grad_clip`. What `spacy train` saves now as `model-last` is sound; `model-best` is what it was."
    )
    VE116 = (
        "'{name}' does not know how novel a text is: {reason}. Call `nlp.get_pipe('{name}').calibrate(docs)` with {n} "
        "or more texts like those that it was trained on, parsed as in training."
    )
    VE117 = (
        "'{name}' cannot {what}: it was trained with 'spacy-vaedie.LanguageModel.v1', which leaves the encoder as it "
        "was, so its latents say nothing. Train one with another `objective`, such as 'spacy-vaedie.ELBO.v1', and a "
        "decoder that can: {options}."
    )
    VE118 = (
        "There is no KL divergence to draw: this pipeline was trained with 'spacy-vaedie.LanguageModel.v1', and its "
        "latents say nothing. Leave `--plot` out, or name a pipeline that was trained with another `objective`."
    )
    VE119 = "'{name}' cannot {what} from an empty text, which has no place among the latents. Give one with words."
    VE120 = (
        "The gradient that reaches the copy of an encoder in a listener's place is no number any more; training stops "
        "before this update. Lower the learning rate or `grad_clip`, and start again from `model-best`: the update "
        "before may have ruined the weights."
    )

    # extractor
    VE201 = (
        "The extractor '{name}' needs labels, and found none: {reason}. Train on documents whose doc._.relations hold "
        "relations, or pass them: `pipe.initialize(get_examples, nlp=nlp, labels=[...])`."
    )
    VE202 = (
        "The extractor reads the dependency parse, and this Doc has none ({text!r}). Add a parser before the "
        "extractor, or keep the parse in the training data (reader setting `parse = true`)."
    )
    VE203 = (
        "There is no span group '{key}' on this Doc (there are: {keys}). Put the component that writes it before the "
        "extractor, or change `spans_key` of the candidates."
    )
    VE204 = "A label is a non-empty string, but got {label!r}."
    VE205 = (
        "The candidates function gave an array of shape {shape}, but it must give one row a pair: head start, head "
        "end, tail start, tail end (token offsets, ends exclusive, inside the Doc)."
    )
    VE206 = "A threshold is a probability, a number from 0 to 1, but got {value!r}."
    VE221 = "{owner}: the schema contradicts itself: {reason}."
    VE222 = (
        "spaCy reads no noun chunks in the language '{lang}', so they cannot be candidates. Use entities "
        "('spacy-vaedie.EntityPairs.v2') or a span group ('spacy-vaedie.SpanPairs.v2')."
    )
    VE223 = (
        "'{label}' cannot be a label of '{name}': its schema says that it is the inverse of '{other}', so each such "
        "relation is learned and predicted as '{other}'. Leave it out of the labels, or out of `inverse`."
    )
    VE224 = (
        "None of the {n} annotated relation(s) '{label}' keeps to the types that the schema of '{name}' allows. First: "
        "{first}. Correct `types.{label}`: they are labels of spans, as the candidates have them."
    )
    VE225 = "'{name}' cannot be calibrated: {reason}."
    VE226 = (
        "'{name}' learns from pairs that are not annotated (`unlabelled`), by a teacher that is the average of its own "
        "weights, and the optimizer keeps none. Set `use_averages = true` in `[training.optimizer]`."
    )
    VE227 = (
        "The model reads the classes of words ('spacy-vaedie.WordClasses.v1'), and the vocabulary has no table "
        "'{table}'. In a training, set `lookups` in `[initialize]` to a 'spacy-vaedie.Lexicon.v1'. For a component "
        "that comes from another pipeline, take the lexicon along: `nlp.vocab.lookups = other.vocab.lookups`."
    )

    # open_extractor
    VE251 = (
        "'{name}' reads the dependency parse, and this Doc has none ({text!r}). Add a parser before '{name}', or give "
        "it Docs that were parsed."
    )

    # relation_ruler
    VE231 = (
        "{where}: this is no pattern: {reason}. A pattern has a label, a list of nodes in the syntax of spaCy's "
        "DependencyMatcher, and the names of two nodes as head and tail."
    )
    VE232 = (
        "The patterns of '{name}' are over the dependency parse, and this Doc has none ({text!r}). Put '{name}' behind "
        "a parser, or give it Docs that were parsed."
    )
    VE233 = (
        "'{name}' looks for its spans in the group '{key}', which is not on this Doc (there are: {keys}). Put the "
        "component that writes it before '{name}', or change `spans_key` or `spans` of '{name}'."
    )

    # readers and converters
    VE301 = "{path}: no such file or folder. Check the path, or run the step that writes it first."
    VE302 = "{path}: cannot read files that end with '{suffix}'. Use one of: {options}."
    VE303 = "{path}, line {line}: {reason}."
    VE304 = "{path}: the file is empty."
    VE305 = (
        "{path} is not the file that this converter knows (MD5 {found}, expected {expected}). Delete it and fetch it "
        "again: `spacy project assets .`"
    )
    VE306 = (
        "{n} of the items in {path} could not be aligned with tokens or were damaged, and `--strict` was given. "
        "First: {first}"
    )
    VE307 = "{path}: this is not a DocBin that spaCy can read ({reason}). Convert the data again."
    VE308 = "make_example: {reason}."
    VE309 = "There is no converter for '{name}'. Use one of: {options}."
    VE310 = (
        "{path} holds no document with annotated relations (doc._.relations is None everywhere). Convert the data "
        "with `spacy vaedie convert`, or read it as raw text with 'spacy-vaedie.RawText.v1'."
    )
    VE311 = "{path}: this folder holds no file that ends with one of: {options}. Check the path."
    VE312 = (
        "Cannot set aside {dev_size} of {n} texts for development. Give a whole number from 0 to the number of texts."
    )
    VE313 = "{path}: this is no schema: {reason}."
    VE314 = (
        "The texts cannot be split into train, dev and test: {reason}. Annotate more documents, or set the field "
        "'split' of 'meta' for each text."
    )
    VE315 = "{path}: {n} problem(s), nothing was written. Mend the file and run again; each problem is named above."
    VE316 = (
        "The base pipeline '{base}' does not fit: {reason}. Change the variables `base` and `lang` of project.yml, or "
        "pass --vars.base and --vars.lang."
    )
    VE317 = "{path}: no text is for '{split}'. The file knows these splits: {options}."
    VE318 = (
        "'{name}' takes what is not annotated for wrong, and would learn from raw text that nothing is there. Train "
        "'vae_encoder' on the raw text first (configs/vae.cfg), then '{name}' on annotated documents with "
        "'spacy-vaedie.AnnotatedText.v1' and the encoder sourced; or name '{name}' in `[training] frozen_components`."
    )
    VE319 = (
        "The pipeline '{vectors}' has no word vectors, which the trainings are to read. Name one that has them in the "
        "variable `vectors` of project.yml, or do without: --vars.vectors null --vars.static_vectors false."
    )
    VE320 = (
        "'{folder}' was trained with other word vectors than the pipeline '{base}' reads, and a pipeline has one "
        "table. Train it with --paths.vectors {base}, or put it on a base without vectors."
    )
    VE321 = (
        "{path}: the text {text!r} has no {what}, and '{name}' takes that for an annotation that nothing is there. "
        "Leave texts that are not annotated out; where one is, and there is nothing in it, say so with {empty}. Or "
        "name '{name}' in `[training] frozen_components`."
    )
    VE322 = (
        "'{folder}' was trained with another lexicon than the pipeline '{base}' has, and a vocabulary has one. Train "
        "both with the same file as `lookups` in `[initialize]`."
    )
    VE323 = (
        "{path}: the text {text!r} is held out for scoring, in {held_out}. A model that has read it is scored too "
        "well. Take it out of the raw text; or, where it may stand there, set `allow_held_out` of the reader to true, "
        "and such texts are counted."
    )
    VE324 = (
        "'{owner}' has nothing to read: its `path` is null. Name a file or folder, on the command line where the "
        "config takes the path from `[paths]`: --paths.train, --paths.dev or --paths.raw. Without raw text, train with "
        "a config that needs none (configs/baseline.cfg, or configs/extractor.cfg with a trained VAE)."
    )
    VE341 = (
        "{path}, line {line}: what starts here is longer than {limit:g} MB, which no text should be. Check whether the "
        "line breaks of the file got lost. Where it is one text after all, raise the limit: `--max-mb`."
    )
    VE342 = "{path}: this folder is not empty, and what is converted must not mix with that. Name another one."
    VE343 = "Nothing was converted: {reason}."

    # scoring
    VE401 = "The answer key and the proposal do not fit: {reason}."
    VE402 = (
        "The pipeline '{model}' has no component that {what} (there are: {names}). Add 'extractor' to it, or name a "
        "pipeline that has one."
    )
    VE451 = (
        "The two pipelines are not compared on the same texts: {reason}. Give both the same annotated documents, in "
        "the same order."
    )
    VE452 = (
        "'{source}' has no component 'extractor' whose candidates could be looked at (there are: {names}). Name one "
        "that has, or leave the option out for the default candidates, `spacy-vaedie.EntityPairs.v2`."
    )
    VE453 = "{path} is no config that can be read: {reason}. Try it with `spacy debug config`."

    # batch annotation
    VE411 = (
        "'{output}' holds the annotations of another run: {difference}. Give the arguments of that run to go on with "
        "it, or another folder (`--output`)."
    )
    VE412 = (
        "'{output}' is no folder that `annotate` made, and there is something in it. Name a new folder, or empty this "
        "one."
    )
    VE413 = "There is no document in the input ({inputs}). Check the paths."
    VE414 = "'{output}' is damaged: {reason}. Delete this folder and annotate again."
    VE415 = (
        "A process that annotates part {part} was ended from outside, most often for want of memory. What is "
        "done is kept: give the same command again to go on, with a lower `--n-process` or `--batch-size`."
    )
    VE416 = (
        "Several processes need a pipeline that each of them can load, but got one in memory. Save it "
        "(`nlp.to_disk`) and give the folder, or take one process."
    )
    VE417 = "{path}: there is no column '{column}' of texts (there are: {columns}). Name the column (`--text-field`)."
    VE418 = "{path}: this file cannot be read to its end ({reason}). Fetch or make it again."
    # why a single document was not annotated
    VE421 = "There is no text in it."
    VE422 = "It is longer than {limit} bytes, so it was not read. Cut it into documents."
    VE423 = "It is not UTF-8 ({reason} at byte {byte} of the line). Save the file as UTF-8."
    VE424 = "It is no valid JSON ({reason})."
    VE425 = "It has no text in the field '{field}'; there must be a string."
    VE426 = "Its {field} is no Unicode text: it holds half of a character (a lone surrogate)."

    # what looks at a whole corpus
    VE501 = (
        "Topics cannot be measured: {reason}. Give at least two different words for each topic, the best first, and "
        "the words of each document."
    )
    VE502 = (
        "The linear probe does not fit its data: {reason}. Give one label for each vector, each label at least twice, "
        "and draw either all of them, or so few that every different label has room in both parts."
    )
    VE503 = "The pipeline '{model}' has no 'vae_encoder' (there are: {names}). Name a pipeline that has one."
    VE504 = (
        "Patterns are proposed from the dependency parse, and this Doc has relations but no parse ({text!r}). Save one "
        "with the data: `spacy vaedie convert ... --model PIPELINE`."
    )
    VE505 = (
        "None of {n} annotated relation(s) has a path that is frequent and precise enough for a pattern ({reasons}). "
        "Lower `min_support` or `min_precision`, raise `max_length`, or annotate more."
    )
    VE521 = "No text is left to choose from: {reason}. Give raw text that is neither labelled nor part of the task yet."
    VE522 = (
        "How novel the texts are is not known: no labelled texts were given to compare with, and '{name}' was not "
        "calibrated since its weights were changed. Give the labelled texts (`--exclude`), call "
        "`nlp.get_pipe('{name}').calibrate(docs)` and save the pipeline, or choose by {others}."
    )
    VE523 = (
        "Nobody can be unsure about {n} texts without a pair of spans: '{name}' found no candidates in any of them. "
        "Put what finds the spans before '{name}', give the spans with the texts (`--gold-entities`), or choose by "
        "something else than uncertainty."
    )
    VE531 = (
        "No pair to discover relations in, in {n} text(s): {reason}. Name a pipeline with an entity recognizer, give "
        "annotated entities (.spacy), or take `--candidates triples`."
    )
    VE532 = "None of {n} pair(s) is in a cluster of {size}. Give more text, a lower `--min-size` or `--n-clusters`."
    VE533 = "The clusters label nothing: {reason}."
    VE534 = (
        "Relations are discovered on the dependency parse, and this Doc has none ({text!r}). Name a pipeline with a "
        "parser, or give parsed texts (`spacy apply`)."
    )

    # knowledge out
    VE431 = "{path} has no column '{column}' ({where}). Give the relations that batch annotation writes."
    VE432 = "{path}, {where}: the score must be a finite number, but is {value!r}."
    VE433 = (
        "{path}: none of the {n} relation(s) passes the filters. Lower `--min-score` or `--min-support`, or name other "
        "labels or polarities."
    )
    VE434 = (
        "{path} holds relations in several formats ({formats}), which may be the same ones. Give one file, or a folder "
        "of one format."
    )
    VE435 = "{path}, {where}: cannot be read ({reason}). Write the file again, or leave it out."
    VE436 = "There is no {what} '{value}'. Use one of: {options}."
    VE437 = "{path} is a folder, and this format is one file. Name a file."
    VE438 = "'{value}' cannot start an IRI. Give an absolute one, such as http://example.org/."
    VE439 = "{path} is a file, and this format is a folder of files. Name a folder."

    # optional parts
    VE901 = '{thing} needs {package}, which is not installed. Install it with: pip install "{requirement}"'


class Warnings(metaclass=_Coded):
    """Messages of warnings. Codes start with VW."""

    VW001 = (
        "{n} relation(s) of a Doc lie outside of it or were cut by it and are left out (a Doc made from a part of "
        "another, say)."
    )
    VW002 = "{n} triple(s) of a Doc lie outside of it or were cut by it and are left out (a Doc made from a part, say)."
    VW101 = (
        "'{name}' reads the dependency parse, but a Doc has none: it works from words alone there. Add a parser "
        "before '{name}' for better vectors."
    )
    VW102 = (
        "The posterior of '{name}' has collapsed: {active} of {width} latent dimensions of a {level} are in use, and "
        "they say {nats:.2f} nats about it. Lower the KL weight, raise `free_bits`, anneal longer, or normalise the "
        "means (`spacy-vaedie.BatchNormMeans.v1`)."
    )
    VW103 = (
        "'{name}' knows none of the words of these texts, and its decoder counts no others: there are no figures of "
        "the bound, of likelihood and perplexity. Give text of the kind that it was trained on."
    )
    VW104 = (
        "'{name}' gives the word vectors of the vocabulary, and there are none: the model does without. For better "
        "scores with few labels, name a pipeline or folder with some in `[initialize] vectors`."
    )
    VW201 = (
        "The label '{label}' stands in the training data but not among the labels of '{name}'. Its pairs are left out "
        "of the loss. Call `add_label`, or initialize with all labels."
    )
    VW202 = (
        "{n} annotated relation(s) in a batch are between spans that are no candidates, and cannot be learned. See "
        "the score `rels_candidate_recall`, and widen the candidates."
    )
    VW203 = (
        "A pair of spans carries more than one label ({labels}); '{name}' predicts one label a pair and learns the "
        "first. To learn all of them, set `multi_label = true`."
    )
    VW204 = (
        "A Doc has {n} candidate pairs, more than the `max_pairs` of '{name}': {kept} are kept, the {dropped} most "
        "distant are left out (text: {text!r}). Others like it are not told: see `dropped` of what `propose` gives for "
        "a Doc, and the score `rels_dropped_pairs`."
    )
    VW205 = (
        "{n} annotated relation(s) do not fit the tokens of the predicted Doc and cannot be learned. The tokenizer "
        "splits this text differently from the training data."
    )
    VW206 = (
        "A relation that a rule found adds nothing to the scores of '{name}': {reason}. Let the rules and '{name}' use "
        "the same labels and spans (settings `spans` of the rules, `candidates` of '{name}'). Others like it are not "
        "told."
    )
    VW207 = (
        "Relations that rules found stand on a Doc before '{name}', which overwrites them; with `rule_weight = 0` they "
        "do not count in its scores either. Set `rule_weight` of '{name}' above 0, or put the rules behind it, where "
        "`existing` of 'relation_ruler' says what becomes of the relations of both. Others like it are not told."
    )
    VW208 = (
        "{n} pair(s) of spans are annotated as related in both orders, of which '{name}' can predict one, with "
        '`directions = "one"`. First: {first}. Set `directions = "both"`, or name labels that hold both ways as '
        "`symmetric` in a schema."
    )
    VW231 = (
        "'{name}' has no patterns and does nothing. Add some with `add_patterns`, or name a file of patterns in "
        "`[initialize.components.{name}]`."
    )
    VW232 = (
        "{n} of the {total} patterns of '{name}' match nowhere in these texts: {where}. Compare their labels and "
        "lemmas with those of the parser, or remove them."
    )
    VW221 = (
        "{n} annotated relation(s) contradict the schema of '{name}'; what contradicts in its types is not learned. "
        "First: {first}. Correct the annotation or the schema."
    )
    VW222 = (
        "The {setting} of '{name}' names labels that it does not predict: {labels}. Check how they are written; it "
        "predicts: {known}."
    )
    VW223 = (
        "'{name}' was trained after it was calibrated: its calibration and the thresholds that were tuned do not fit "
        "the new weights and are dropped. Calibrate it again (`spacy vaedie calibrate`)."
    )
    VW224 = (
        "'{name}' was calibrated after the thresholds of its labels were tuned or set: they are meant for other "
        "probabilities and are dropped. Tune them again (`tune_thresholds`, or `spacy vaedie calibrate` with "
        "`--thresholds`)."
    )
    VW225 = (
        "The temperature of '{name}' stopped at {value:.2f}, an end of where it is looked for: the {n} annotated "
        "pairs do not say how sure it may be, since it is right about nearly all of them, or about few. Calibrate it "
        "on more texts, annotated as its training data are, that it was not trained on."
    )
    VW226 = (
        "'{name}' is to learn from pairs that are not annotated (`unlabelled`), but {n} updates have had none. Mix "
        "texts with entities and without annotated relations into the training corpus (`spacy-vaedie.MixedCorpus.v1`), "
        "or leave `unlabelled` out."
    )
    VW227 = (
        "Terms of '{name}' have used none of the {n} pairs that are not annotated in {updates} updates, up to number "
        "{step}: {terms}. The teacher is not sure enough of any of them. Lower `confidence`, or train on the annotated "
        "texts for longer. Others like it are not told."
    )
    VW302 = (
        "Fewer than {n} texts are for {parts}: scores on so few say nothing, and choosing the best model by them is "
        "chance. Annotate more; 100 texts in all are a start."
    )
    VW303 = (
        "All {n} raw text(s) of the first epoch are annotated ones, too: there is nothing new to learn from in them. "
        "Give other raw text; or a larger `raw_per_labelled`, where new texts come later in the file."
    )
    VW304 = (
        "{path}: {n} of the {total} raw texts are held out for scoring, in {held_out}. A model that has read them is "
        "scored too well on these; take them out of one of the two, or know."
    )
    VW341 = (
        "{path}: {n} text(s) have the name of another one. All are kept, but no longer told apart by name. "
        "First: {first}"
    )
    VW502 = "There is no linear probe: {reason}."
    VW521 = "{n} texts were asked for, and {found} are there to choose from: {reason}."
    VW531 = (
        "{n} pairs are as many as are clustered at once (`--max-pairs`): texts after the first {n_texts} are not read. "
        "Shuffle them, or raise the limit where there is memory."
    )
    VW532 = "{n} member(s) of named clusters are not in the text: {reason}. Apply them to the file they were found in."
    VW301 = "{path}: {n} item(s) left out. First: {first}"


def check_range(owner: str, least: float, most: float = math.inf, **settings: float) -> None:
    """Check settings of a registered piece.

    owner (str): Its registered name.
    least (float): The smallest value that is allowed.
    most (float): The largest one.
    settings (float): The values by their names.
    RAISES (ValueError): VE107 for the first one that is no number, or out of range.
    """
    for setting, value in settings.items():
        if not is_number(value) or not least <= value <= most:
            must = f"{least} or more" if most == math.inf else f"from {least} to {most}"
            shown = value if is_number(value) else f"{value!r}"
            must = must if is_number(value) else f"a number, {must}"
            raise ValueError(Errors.VE107.format(setting=setting, value=shown, must=must, owner=owner))


def is_number(value: Any) -> bool:
    """RETURNS (bool): Whether this is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_key(owner: str, spans_key: str) -> None:
    """Check the key of a span group.

    owner (str): Name of what reads the group.
    spans_key (str): The key.
    RAISES (ValueError): VE107 for an empty one.
    """
    if not spans_key:
        must = "the key of a group in doc.spans"
        raise ValueError(Errors.VE107.format(setting="spans_key", value=repr(spans_key), must=must, owner=owner))


def warn(message: str, *, stacklevel: int = 2) -> None:
    """Issue a warning of this package as a UserWarning.

    message (str): A formatted message of `Warnings`.
    stacklevel (int): How far up the stack the warning points.
    """
    warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)
