"""The datasets that nnloop knows."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from paths import CONF

from nnloop import data
from nnloop.data.sources import SOURCES, find
from nnloop.errors import DatasetError
from nnloop.llm.pretraining.stream import TASKS
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]
NAMES = ["cifar10", "cifar100", "mnist", "svhn", "imagenette", "celeba", "digits"]


def test_every_dataset_of_the_settings_has_a_source() -> None:
    assert sorted(SOURCES) == sorted(path.stem for path in (CONF / "dataset").glob("*.yaml") if path.stem != "pool")
    assert all(find(name) is SOURCES[name] for name in SOURCES)


def test_an_unknown_dataset_is_refused_with_the_known_ones(digits: DatasetSettings) -> None:
    with pytest.raises(
        DatasetError, match=r"dataset.name=letters: must be one of celeba, cifar10, cifar100, digits, folder, hf"
    ):
        data.load(replace(digits, name="letters"))


@pytest.mark.parametrize("name", NAMES)
def test_the_published_sizes_have_a_validation_set_where_the_settings_cut_none_off(
    name: str, configure: Configure
) -> None:
    settings = configure(f"dataset={name}").dataset
    assert len(find(name).sizes(settings)) == (3 if settings.val_fraction is None else 2)


def test_extra_images_of_svhn_count_for_training(configure: Configure) -> None:
    sizes = [find("svhn").sizes(configure("dataset=svhn", f"dataset.extra={extra}").dataset) for extra in (False, True)]
    assert sizes == [(73_257, 26_032), (604_388, 26_032)]


def test_a_prepared_set_is_looked_up_without_torch(digits: DatasetSettings) -> None:
    data.load(digits)
    code = (
        "import sys; from hydra import compose, initialize_config_dir; from nnloop import data;"
        "from nnloop.settings.load import load\n"
        "with initialize_config_dir(sys.argv[1], version_base='1.3'):\n"
        "    dataset = data.load(load(compose('config', ['dataset=digits'])).dataset)\n"
        "print(len(dataset.test_y), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(CONF)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["300", "False"]


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_describes_a_dataset_in_the_words_that_the_tiny_llm_has_learned(
    name: str, configure: Configure
) -> None:
    chosen = configure(f"dataset={name}").dataset
    (learned,) = (task for task in TASKS if task.title == chosen.title)
    assert (learned.description, learned.classes) == (chosen.description, chosen.classes)
    assert (learned.channels, learned.size) == (chosen.channels, chosen.size)


@pytest.mark.parametrize("name", ["mnist", "svhn", "digits"])
def test_characters_are_not_mirrored(name: str, configure: Configure) -> None:
    assert configure(f"dataset={name}").dataset.flip is False
