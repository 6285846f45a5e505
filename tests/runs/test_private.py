"""A folder of pickles is closed to others, and refused where others could have written into it."""

import os
from pathlib import Path

import pytest

from nnloop.errors import UserError
from nnloop.runs.private import make_private

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")


@pytest.fixture
def place(closed_path: Path) -> Path:
    return closed_path / "run/slurm"


def test_a_new_folder_is_closed_whatever_the_umask(place: Path) -> None:
    place.parent.mkdir()
    before = os.umask(0)
    try:
        make_private(place)
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_could_only_read_is_closed(place: Path) -> None:
    place.mkdir(parents=True)
    place.chmod(0o755)
    make_private(place)
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("mode", "who"), [(0o777, "everyone"), (0o1777, "everyone")])
def test_a_folder_that_others_could_write_to_is_refused(place: Path, mode: int, who: str) -> None:
    place.mkdir(parents=True)
    place.chmod(mode)
    with pytest.raises(UserError, match=rf"{place}: {who} could write there and run code as you"):
        make_private(place)


def test_a_folder_in_which_others_could_exchange_it_is_refused(place: Path) -> None:
    place.parent.mkdir()
    place.parent.chmod(0o777)
    with pytest.raises(UserError, match=rf"{place.parent}: everyone could exchange the folders.*chmod go-w"):
        make_private(place)
    place.parent.chmod(0o1777)  # as /tmp: nobody else can move it there
    make_private(place)


@root
def test_somebody_elses_folder_is_refused(place: Path) -> None:
    place.mkdir(parents=True)
    os.chown(place, 4711, 4711)
    with pytest.raises(UserError, match="belongs to user 4711"):
        make_private(place)
    os.chown(place, 0, 0)
    os.chown(place.parent, 4711, 0)
    with pytest.raises(UserError, match=f"{place.parent}: user 4711 could exchange"):
        make_private(place)


@root
def test_a_folder_of_a_group_of_several_is_refused_and_that_of_ones_own_group_is_not(place: Path) -> None:
    make_private(place)
    place.parent.chmod(0o775)
    make_private(place)
    os.chown(place.parent, 0, 4711)
    with pytest.raises(UserError, match="group 4711 could exchange"):
        make_private(place)


def test_a_link_to_somebody_elses_place_counts_as_that_place(place: Path) -> None:
    theirs = place.parent.with_name("theirs")
    theirs.mkdir()
    theirs.chmod(0o777)
    place.parent.mkdir()
    place.symlink_to(theirs)
    with pytest.raises(UserError, match="theirs: everyone could write there"):
        make_private(place)
