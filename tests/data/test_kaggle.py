"""CelebA as Kaggle gives it is read like the published one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nnloop import data
from nnloop.errors import DatasetError
from nnloop.settings import Settings


def write(root: Path) -> None:
    faces = root / "img_align_celeba" / "img_align_celeba"
    faces.mkdir(parents=True)
    attributes, partition = ["image_id,Bald,Male"], ["image_id,partition"]
    for number in range(60):
        name, male = f"{number:06}.jpg", number % 2
        Image.new("RGB", (12, 16), (200 * male, 0, 0)).save(faces / name)
        attributes.append(f"{name},-1,{1 if male else -1}")
        partition.append(f"{name},{0 if number < 40 else 1 if number < 50 else 2}")
    (root / "list_attr_celeba.csv").write_text("\n".join(attributes) + "\n")
    (root / "list_eval_partition.csv").write_text("\n".join(partition) + "\n")


@pytest.mark.parametrize("below", ["", "archive"])
def test_its_tables_and_its_doubled_folder_are_read(
    below: str, configure: Callable[..., Settings], private_cache: Path, tmp_path: Path
) -> None:
    write(tmp_path / "kaggle" / below)
    chosen = configure(
        "dataset=celeba", f"dataset.root={tmp_path / 'kaggle'}", "dataset.size=8", "dataset.verify=false"
    )
    dataset = data.load(chosen.dataset)
    assert (len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)) == (40, 10, 10)
    assert ((dataset.train_x[:, 0, 4, 4] > 100) == (dataset.train_y == 1)).all()


def test_a_part_of_it_and_damaged_tables_get_one_line(
    configure: Callable[..., Settings], private_cache: Path, tmp_path: Path
) -> None:
    write(tmp_path / "kaggle")
    chosen = configure("dataset=celeba", f"dataset.root={tmp_path / 'kaggle'}").dataset
    with pytest.raises(DatasetError, match="holds 40/10/10 images, 162,770/19,867/19,962 are published"):
        data.load(chosen)
    (tmp_path / "kaggle" / "list_attr_celeba.csv").write_text("image_id\n")
    with pytest.raises(DatasetError, match=r"list_attr_celeba\.csv and .* can't be read"):
        data.load(chosen)
