"""The rules that composed settings must fulfil beyond their types. Raises SettingsError: key, value, allowed values."""

import re
from typing import Any

from nnloop.errors import SettingsError
from nnloop.settings.evaluation import LemurProxySettings, PoolSettings, SlurmExecutorSettings
from nnloop.settings.groups import Settings, options, plain
from nnloop.settings.hints import unknown_key
from nnloop.settings.keys import given
from nnloop.settings.models import HfLlmSettings, LoraSettings, OpenAiLlmSettings, PretrainSettings, RandomLlmSettings
from nnloop.settings.setting import NAME, Setting, rules
from nnloop.settings.strategy import DeltaSettings, EmptyCorpusSettings, QualityDiversityParentsSettings
from nnloop.settings.transforms import parse_transform


def check(settings: Settings) -> None:
    """Check everything that needs no look at files. Raises SettingsError."""
    for key, value, rule in given(settings):
        _check_rule(key, value, rule)
    _check_job(settings)
    _check_llm(settings)
    slurm = settings.executor
    if isinstance(slurm, SlurmExecutorSettings) and slurm.mem_gb is not None and slurm.mem_gb < slurm.memory_gb + 1:
        raise SettingsError(
            f"executor.mem_gb={slurm.mem_gb:g}: a job needs 1 GB or more beside its trial's "
            f"executor.memory_gb={slurm.memory_gb:g}"
        )
    if isinstance(settings.proxy, LemurProxySettings):
        _check_transform(settings.proxy.transform)
    if isinstance(settings.corpus, EmptyCorpusSettings) and isinstance(settings.mode, DeltaSettings):
        raise SettingsError("corpus=empty: mode=delta needs a network to change; must be mode=full, or another corpus")
    own = isinstance(settings.proxy, LemurProxySettings) and settings.proxy.own_recipe
    if isinstance(settings.mode, DeltaSettings) and settings.mode.hp == "used" and not own:
        raise SettingsError("mode.hp=used: only proxy=lemur proxy.own_recipe=true trains by them; must be off or shown")
    if isinstance(settings.parents, QualityDiversityParentsSettings):
        _check_cells(settings.parents.descriptors, settings.search.pareto)
    if settings.search.pareto != "none" and isinstance(settings.dataset, PoolSettings):
        raise SettingsError(
            f"search.pareto={settings.search.pareto}: compares networks of one dataset; a pool has several"
        )


def _check_cells(descriptors: list[str], pareto: str) -> None:
    if not descriptors:
        raise SettingsError("parents.descriptors=[]: name at least one of params, depth, accuracy, family")
    if pareto != "none" and "accuracy" in descriptors:
        raise SettingsError(
            f"search.pareto={pareto}: ranks by accuracy and cost; leave accuracy out of parents.descriptors"
        )


def refuse_unknown(prefix: str, given: set[str], known: set[str]) -> None:
    """Raise SettingsError for the first of the given keys that is not known."""
    unknown = sorted(given - known)
    if unknown:
        raise SettingsError(unknown_key(prefix + unknown[0], [prefix + one for one in sorted(known)]))


def _check_rule(key: str, value: Any, rule: Setting) -> None:
    if value is None:
        return
    if rule.words and value not in rule.words:
        raise SettingsError(f"{key}={value}: must be one of {', '.join(rule.words)}")
    if rule.low is not None and rule.high is not None and not rule.low <= value <= rule.high:
        unit = f" {rule.unit}" if rule.unit else ""
        raise SettingsError(f"{key}={value}: must lie between {rule.low:g} and {rule.high:g}{unit}")


def _check_job(settings: Settings) -> None:
    job = settings.job.name
    if not re.fullmatch(NAME, settings.name):
        raise SettingsError(f"name={settings.name}: must be a folder's plain name: letters, digits and . _ + - alone")
    for field in plain():
        rule, value = rules(field), getattr(settings, field.name)
        if job in rule.jobs and not value:
            raise SettingsError(f"{field.name}: job={job} needs {field.name}=<{rule.unit}>")
        if rule.jobs and job not in (*rule.jobs, *rule.takers) and value is not None:
            needing = " or ".join(f"job={other}" for other in (*rule.jobs, *rule.takers))
            raise SettingsError(f"{field.name}={value}: job={job} has no use for it; {needing} has")
    if job != "report" and settings.summaries and settings.summaries.endswith(".jsonl.xz"):
        raise SettingsError(f"summaries={settings.summaries}: only job=report packs summaries in a file; give a folder")
    if job == "prompt" and (settings.candidate is None) == (settings.runs is None):
        raise SettingsError("job=prompt: needs either candidate=<a file or a glob> or runs=<a run folder>")
    if isinstance(settings.job, PretrainSettings):
        _check_heads(settings.job)


def _check_llm(settings: Settings) -> None:
    llm, tuned = settings.llm, isinstance(settings.finetune, LoraSettings)
    if isinstance(llm, RandomLlmSettings):
        refuse_unknown("llm.edits.", set(llm.edits), set(options("mode")))
    if isinstance(llm, HfLlmSettings | OpenAiLlmSettings):
        refuse_unknown("llm.max_new_tokens.", set(llm.max_new_tokens), set(options("mode")))
        if llm.max_repeats == 1:
            raise SettingsError("llm.max_repeats=1: once is no loop; must be 0, for none, or at least 2")
        if tuned and llm.dtype == "float16":
            raise SettingsError(
                "llm.dtype=float16: can't be tuned, small gradients vanish; use bfloat16 or float32, or finetune=off"
            )
    if isinstance(settings.finetune, LoraSettings):
        _check_pairs(settings.finetune)
    if isinstance(llm, OpenAiLlmSettings) and tuned and llm.weights is None:
        raise SettingsError(
            "llm.weights: finetune=lora needs the served model's weights here, a hub id or folder; or finetune=off"
        )


def _check_pairs(tuning: LoraSettings) -> None:
    """Refuse a fine-tune whose settings leave it without the pairs that it needs."""
    if tuning.source != "run" and tuning.corpus_pairs == 0 and (tuning.before or tuning.source == "corpus"):
        why = "finetune.before=true" if tuning.before else "finetune.source=corpus"
        raise SettingsError(f"finetune.corpus_pairs=0: {why} needs pairs of the corpus; must be at least 1")
    if tuning.source == "run" and tuning.before:
        raise SettingsError("finetune.source=run: before the first cycle a run has no pairs; must be both or corpus")
    if tuning.keep == "best" and tuning.held_out == 0:
        raise SettingsError("finetune.held_out=0: finetune.keep=best goes by pairs held out; must be above 0")


def _check_heads(job: PretrainSettings) -> None:
    if job.hidden_size % job.heads or job.heads % job.kv_heads:
        shown = f"job.hidden_size={job.hidden_size}, job.heads={job.heads}, job.kv_heads={job.kv_heads}"
        raise SettingsError(f"{shown}: hidden_size has to be a multiple of heads, and heads one of kv_heads")


def _check_transform(name: str) -> None:
    try:
        parse_transform(name)
    except ValueError as error:
        raise SettingsError(f"proxy.transform={name}: {error}") from None
