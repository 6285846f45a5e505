"""Trials of the corpus, kept between runs."""

from pathlib import Path

from nnloop.loop.corpus_trials import shelf_path


def test_the_corpus_is_judged_anew_where_its_images_are_fed_otherwise(configure, tmp_path: Path) -> None:
    others = ("seed=1", "dataset.flip=true", "dataset.crop_pad=0", "dataset.mean=[0.5]")
    chosen = [configure("dataset=digits", other) for other in others]
    assert len({shelf_path(tmp_path, "same images", one.dataset, one.proxy) for one in chosen}) == 4
