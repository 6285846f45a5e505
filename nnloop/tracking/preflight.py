"""Decide whether W&B can be used online, in a bounded time.

wandb itself needs minutes to give up on a server that refuses or stays silent, so nothing is handed to it before a
short request was answered.
"""

import netrc
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nnloop.settings import WandbSettings


@dataclass(frozen=True, slots=True)
class WandbMode:
    """The way W&B is used: `name` is wandb's own; `why` is the reason, for the log."""

    name: Literal["online", "offline", "disabled"]
    why: str
    fault: bool = False  # nobody asked for this mode: the server does not answer


def choose_mode(settings: WandbSettings, base_url: str) -> WandbMode:
    """Choose online or offline; WANDB_MODE counts under mode=auto, a missing key or a silent server under any mode."""
    wish = settings.mode
    asked = os.environ.get("WANDB_MODE", "")
    if wish == "auto" and asked in ("offline", "dryrun", "disabled"):
        return WandbMode("disabled" if asked == "disabled" else "offline", f"WANDB_MODE={asked}")
    if wish == "offline":
        return WandbMode("offline", "tracker.mode=offline")
    if not has_key(base_url):
        return WandbMode("offline", "no API key")
    if not answers(base_url, settings.timeout_s):
        return WandbMode("offline", f"{base_url} does not answer", fault=True)
    return WandbMode("online", base_url)


def has_key(base_url: str) -> bool:
    """Return whether WANDB_API_KEY or the netrc file that `wandb login` writes holds a key for this server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urllib.parse.urlsplit(base_url).netloc
    try:
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        return host in netrc.netrc(path).hosts
    except (OSError, RuntimeError, netrc.NetrcParseError):
        return False


def answers(base_url: str, timeout_s: float) -> bool:
    """Return whether anything speaks HTTP there; any status counts.

    The request runs in a thread of its own, since a look-up of the name can't be given a time limit.
    """
    reached = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(base_url, timeout=timeout_s).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, ValueError):
            return
        reached.set()

    thread = threading.Thread(target=ask, daemon=True, name="wandb-preflight")
    thread.start()
    thread.join(timeout_s)
    return reached.is_set()
