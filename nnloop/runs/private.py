"""Folders that nobody else can write to, for files that are unpickled: whoever could write there could run code.

Covered: the folder itself, which is closed to everyone else, and every folder above it, in which somebody could put
another one in its place. Not covered: access control lists, and the administrators.
"""

import grp
import os
import pwd
import stat
from pathlib import Path

from nnloop.errors import UserError


def make_private(folder: Path) -> None:
    """Create a folder, or close an existing one to everyone else.

    Raises UserError, with the remedy, if others could have written into it or could put another one in its place.
    """
    folder = Path(os.path.realpath(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.stat()
        if about.st_uid != os.geteuid():
            raise UserError(
                f"{folder}: belongs to {_user(about.st_uid)}, who could run code as you; choose another name="
            )
        if writer := _other_writer(about):
            raise UserError(f"{folder}: {writer} could write there and run code as you; look through it and remove it")
        folder.chmod(0o700)
        for above in folder.parents:
            about = above.stat()
            if about.st_uid not in (0, os.geteuid()):
                writer = _user(about.st_uid)
            else:
                writer = "" if about.st_mode & stat.S_ISVTX else _other_writer(about)
            if writer:
                raise UserError(
                    f"{above}: {writer} could exchange the folders in it and run code as you; "
                    f"use a folder that only you can write to, or chmod go-w {above}"
                )
    except OSError as error:
        raise UserError(f"{folder}: can't be made: {error.strerror}") from None


def _other_writer(about: os.stat_result) -> str:
    """Name the others who may write to a folder of ours; "" if there are none."""
    if about.st_mode & stat.S_IWOTH:
        return "everyone"
    return f"group {_group(about.st_gid)}" if about.st_mode & stat.S_IWGRP and not _own_group(about.st_gid) else ""


def _own_group(gid: int) -> bool:
    """Tell if this is the group of one user that many systems make beside each account."""
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and user.pw_gid == gid and {*group.gr_mem} <= {user.pw_name}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
