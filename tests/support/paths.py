"""Folders of the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
PACKAGE = ROOT / "nnloop"
TESTS = ROOT / "tests"
BENCH = TESTS / "bench"
SUPPORT = TESTS / "support"
