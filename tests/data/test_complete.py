"""What the settings leave to the images is filled in, once, and only where it is left to them."""

from collections.abc import Callable
from pathlib import Path

from own_images import write_tree

from nnloop import data
from nnloop.data.prepared import prepared_folder
from nnloop.settings import Settings

Configure = Callable[..., Settings]


def test_a_published_dataset_is_complete_and_not_read(configure: Configure, private_cache: Path) -> None:
    settings = configure("dataset=cifar10").dataset
    assert data.complete(settings) == settings
    assert not private_cache.exists()


def test_the_mean_of_any_dataset_can_be_measured(configure: Configure, private_cache: Path) -> None:
    settings = data.complete(configure("dataset=digits", "dataset.mean=null", "dataset.std=null").dataset)
    assert (settings.mean, settings.std) == ([0.3056], [0.376])


def test_given_values_stand(configure: Configure, private_cache: Path, tmp_path: Path) -> None:
    given = ["dataset.title=Pets", "dataset.description=pets", "dataset.size=12", "dataset.channels=3"]
    given += ["dataset.mean=[0.5,0.5,0.5]", "dataset.crop_pad=0"]
    settings = data.complete(configure("dataset=folder", f"dataset.root={write_tree(tmp_path / 'p')}", *given).dataset)
    assert (settings.title, settings.description, settings.size, settings.channels) == ("Pets", "pets", 12, 3)
    assert (settings.mean, settings.crop_pad) == ([0.5, 0.5, 0.5], 0)
    assert data.load(settings).train_x.shape[1:] == (3, 12, 12)


def test_complete_settings_name_the_same_prepared_set(
    configure: Configure, private_cache: Path, tmp_path: Path
) -> None:
    settings = data.complete(configure("dataset=folder", f"dataset.root={write_tree(tmp_path / 'p')}").dataset)
    again = data.complete(settings)
    assert again == settings
    assert len(list((private_cache / "prepared").iterdir())) == 1
    assert prepared_folder(settings).exists()


def test_a_damaged_survey_is_made_again(configure: Configure, private_cache: Path, tmp_path: Path) -> None:
    chosen = configure("dataset=folder", f"dataset.root={write_tree(tmp_path / 'p')}").dataset
    settings = data.complete(chosen)
    for kept in (private_cache / "surveys").iterdir():
        kept.write_text("{}")
    assert data.complete(chosen) == settings
