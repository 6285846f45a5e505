"""The pages' scripts: parts of one text, so that one hash in the page's policy allows it and nothing else."""

from pathlib import Path

SCRIPTS = Path(__file__).with_name("js")


def script(*parts: str) -> str:
    """Return the parts one behind the other, in their order."""
    return "\n".join((SCRIPTS / f"{part}.js").read_text() for part in parts)
