"""The config of the judge stage, and the judge that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from adore.artifacts import hash_tree, read_manifest
from adore.errors import ConfigError, NotInstalledError, check
from adore.rulebook import BookConfig, RuleBook
from adore.teacher.backends.base import BackendSettings, Completer, Decoding
from adore.teacher.backends.budget import Budget, Ledger, Prices
from adore.teacher.backends.builtin import BACKENDS
from adore.teacher.backends.cache import open_cache
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.exemplars import choose_exemplars
from adore.teacher.judgements import Judge
from adore.teacher.llm import ModelSpec, TextJudge
from adore.teacher.prompting import Prompter
from adore.teacher.refusals import MAX_IN_ROW

__all__ = ["Config", "choose_judge", "load_judge", "promoted_model"]

LOCAL_BACKEND = "transformers"
"""Loads an aligned LLM where ``judge.backend`` is ``auto``."""


class Config(BookConfig):
    """Who judges, and which part.

    Attributes:
        backend: ``rules`` asks no model. ``transformers`` and ``vllm`` load a model on
            this machine; ``openai`` asks an endpoint. ``auto`` is the aligned teacher if
            one was given and promoted, else the rules. Plugins may register more.
        model: name or folder of an instruct model. Where the stage is given an aligned
            teacher that was promoted, that one is asked instead.
        revision: of the model; for a folder the hash of its files.
        decoding: how answers are drawn.
        exemplars: judged examples in the prompt, spread over the grades; an aligned
            teacher gets none, since it was trained to answer without.
        cache: ``""`` for a file under ``$ADORE_CACHE`` or ``~/.cache/adore``, a folder,
            ``s3://…``, or ``off``.
        endpoint: base URL for ``openai``; default ``$OPENAI_BASE_URL``.
        key_env: the environment variable that holds the endpoint's key.
        concurrency: requests in flight at the endpoint.
        prices: dollars per million tokens.
        refusals: pairs in a row without a usable answer after which the step stops; 0:
            never.
        budget: the most that the step may cost; each shard may spend its share by
            number of pairs.
        engine: the backend's own settings.
    """

    backend: str = "auto"
    shard: int = 0
    """Which part of the pairs this process judges; the pipeline sets it."""
    shards: int = 1
    """Parts that the pairs are split into."""
    model: str = ""
    revision: str = ""
    decoding: Decoding = Decoding()
    exemplars: int = Field(4, ge=0, le=32)
    cache: str = ""
    endpoint: str = ""
    key_env: str = "OPENAI_API_KEY"
    concurrency: int = Field(16, ge=1, le=1024)
    refusals: int = Field(MAX_IN_ROW, ge=0)
    prices: Prices = Prices()
    budget: Budget = Budget()
    engine: dict[str, Any] = Field(default_factory=dict)

    @field_validator("backend")
    @classmethod
    def _backend_is_known(cls, value: str) -> str:
        return BACKENDS.validate(value)

    @field_validator("decoding")
    @classmethod
    def _samples_differ(cls, value: Decoding) -> Decoding:
        if value.samples > 1 and value.temperature == 0:
            raise ValueError(
                "samples above 1 are all the same at temperature 0; set temperature, as in 0.7"
            )
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        misplaced = sorted({"model", "revision", "threads"} & set(self.engine))
        if misplaced:
            raise ValueError(
                f"engine: {', '.join(misplaced)} must be set beside engine, not in it"
            )
        BACKENDS[self.backend].check_engine(self.engine)
        if self.cache == "off" and self.budget != Budget():
            raise ValueError(
                "budget: needs a cache, or what was paid is lost when it stops"
            )
        if self.budget.dollars is not None and not self.prices.known:
            raise ValueError(
                "budget.dollars: needs a price above 0, or never stops; "
                "set judge.prices or budget.tokens"
            )
        return self


def choose_judge(
    config: Config,
    rulebook: RuleBook,
    prepared: Path,
    evidence: Path,
    teacher: Path | None,
    share: float = 1.0,
) -> Judge:
    """Make the judge that the config asks for.

    Args:
        config: who judges, and how.
        rulebook: what the answers obey.
        prepared: holds the human judgements that examples are chosen from.
        evidence: holds the evidence of those pairs.
        teacher: an output of ``align``.
        share: of the budget that this shard may spend.

    Returns:
        A judge; its LLM, if it has one, is started with the first pair that no cache
        knows.

    Raises:
        ConfigError: no model is configured, the backend asks no LLM, or ``teacher`` is
            no complete output of ``align``.
        NotInstalledError: a package that the backend needs is not installed.
        UnavailableError: the cache cannot be written.
    """
    # an aligned teacher judges in place of the config's model, unless one is named
    aligned = promoted_model(teacher) if teacher else None
    is_named = bool(config.model) or config.backend not in ("auto", LOCAL_BACKEND)
    if config.backend == "rules" or (config.backend == "auto" and aligned is None):
        return EvidenceJudge(RulesGrader(rulebook), rulebook)
    if aligned and not is_named and _reads_traces(aligned):
        return load_judge(aligned, rulebook, config.threads)

    aligned_llm = _aligned_llm(config, aligned)
    count = config.exemplars
    if aligned_llm:
        count = 0  # it was trained and validated without examples
    chosen = choose_exemplars(prepared, evidence, rulebook, count, config.seed)
    return TextJudge(
        _model_spec(config, aligned_llm),
        Prompter(rulebook, chosen),
        decoding=config.decoding,
        cache=open_cache(config.cache),
        ledger=Ledger(config.prices, config.budget, share),
        refusals=config.refusals,
    )


def promoted_model(teacher: Path) -> Path | None:
    """Find the model that judges after ``align``.

    Args:
        teacher: an output of ``align``.

    Returns:
        Its model's folder; None where the gate left the rules in place.

    Raises:
        ConfigError: it is no complete output of ``align``.
    """
    manifest = read_manifest(teacher)
    if manifest is None or manifest.stage != "align":
        raise ConfigError(
            f"teacher == {str(teacher)!r}, must be a whole output of the step align; "
            "name a run that came so far"
        )
    metrics = manifest.metrics
    if metrics.get("promoted") or metrics.get("kept_previous"):
        return teacher / "model"
    return None


def load_judge(folder: Path, rulebook: RuleBook, threads: int) -> Judge:
    """Load the teacher whose model is in a folder of this machine.

    It is a tiny trace reader, or an LLM that reads texts. An LLM's answers go to this
    machine's cache, so that a validation that was killed goes on.

    Args:
        folder: of the model and its tokenizer.
        rulebook: what the answers obey.
        threads: of the CPU.

    Returns:
        A judge.

    Raises:
        NotInstalledError: a package that the model needs is not installed.
        UnavailableError: the cache cannot be written.
    """
    if _reads_traces(folder):
        from adore.teacher.backends.tiny import TinyGrader

        return EvidenceJudge(TinyGrader(folder, threads=threads), rulebook)
    config = Config.model_validate(
        {"backend": "transformers", "model": str(folder), "threads": threads}
    )
    return TextJudge(
        _model_spec(config, None),
        Prompter(rulebook),
        decoding=config.decoding,
        cache=open_cache(config.cache),
        ledger=Ledger(config.prices, config.budget),
    )


def _reads_traces(folder: Path) -> bool:
    """True for the tiny LM, whose closed vocabulary knows evidence traces only."""
    tokenizer = folder / "tokenizer.json"
    return (
        tokenizer.is_file()
        and json.loads(tokenizer.read_text("utf-8"))["model"]["type"] == "WordLevel"
    )


def _aligned_llm(config: Config, aligned: Path | None) -> Path | None:
    """The aligned teacher, if it is an LLM that the config's backend can load."""
    if aligned is None or _reads_traces(aligned):
        return None
    if not BACKENDS[config.backend].is_local:
        return None
    return aligned


def _model_spec(config: Config, aligned: Path | None) -> ModelSpec:
    """The LLM that is asked: the aligned one, else the config's."""
    model = str(aligned) if aligned else config.model
    check(
        bool(model),
        "model",
        model,
        must=f"given for backend {config.backend}",
        fix="set judge.model",
    )

    name = LOCAL_BACKEND if config.backend == "auto" else config.backend
    is_folder = BACKENDS[name].is_local and Path(model).is_dir()
    revision = config.revision
    if is_folder:
        revision = hash_tree(Path(model))[:12]
    elif BACKENDS[name].is_local:
        looks_like_path = model.startswith(("/", ".", "~"))
        check(
            not looks_like_path,
            "model",
            model,
            must="a folder with a model, or a name on the hub",
            fix="set judge.model to the full path of a model's folder",
        )

    settings = BackendSettings(
        model=model,
        revision=revision,
        threads=config.threads,
        endpoint=config.endpoint,
        key_env=config.key_env,
        concurrency=config.concurrency,
        engine=config.engine,
    )

    def start() -> Completer:
        return _start(name, settings)

    if is_folder:
        # the same bytes have one name wherever they lie
        return ModelSpec(Path(model).resolve().name, revision, start, model)
    return ModelSpec(model, revision, start)


def _start(name: str, settings: BackendSettings) -> Completer:
    """Start an LLM.

    Returns:
        The running backend.

    Raises:
        ConfigError: the backend asks no LLM, or does not know a setting of the engine.
        NotInstalledError: a module that the backend needs is missing.
    """
    backend = BACKENDS[name]
    if backend.build is None:
        raise ConfigError(
            f"backend == {name!r}, must be one that asks an LLM; set judge.backend"
        )
    try:
        return backend.build(settings)
    except TypeError as error:
        raise ConfigError(
            f"judge.engine == {dict(settings.engine)!r}, must hold arguments of {name}; {error}"
        ) from error
    except ModuleNotFoundError as error:
        fix = f"pip install '{backend.requires or error.name}'"
        raise NotInstalledError(
            f"module == {error.name!r}, must be installed; {fix}"
        ) from error
