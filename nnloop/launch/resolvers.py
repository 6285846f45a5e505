"""The resolvers by which conf/ names LLMs and run folders."""

from typing import Any

from omegaconf import OmegaConf

from nnloop import naming
from nnloop.settings.load import register_llm_names


def register_resolvers() -> None:
    """Teach OmegaConf how run folders are named; the config that is composed gives the names."""
    register_llm_names()
    OmegaConf.register_new_resolver("nnloop.folder", _folder, replace=True)
    OmegaConf.register_new_resolver("nnloop.home", lambda name: naming.home(str(name)), replace=True)
    OmegaConf.register_new_resolver("nnloop.subfolder", _subfolder, replace=True)


def _folder(overrides: list[str], *, _root_: Any) -> str:
    return naming.run_folder(_root_, overrides)


def _subfolder(overrides: list[str], number: int, *, _root_: Any) -> str:
    return naming.run_subfolder(_root_, overrides, number)
