"""Progress bars on stderr, shown only if it is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, int], None]  # done and total


@contextmanager
def bar(title: str, in_bytes: bool = False) -> Iterator[Advance]:
    """Show a bar for the block, which reports its progress by calling the yielded function."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    done = [progress.DownloadColumn(), progress.TransferSpeedColumn()] if in_bytes else [progress.MofNCompleteColumn()]
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), *done, progress.TimeRemainingColumn())
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(title, total=None)
        yield lambda count, total: shown.update(task, completed=count, total=total)
