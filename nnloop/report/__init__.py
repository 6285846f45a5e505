"""The live view, the summary, the pages, tables and pictures of searches, for people to read."""

from nnloop.report.live import LivePage
from nnloop.report.write import read_each, write_index, write_overview, write_run_page, write_validation

__all__ = ["LivePage", "read_each", "write_index", "write_overview", "write_run_page", "write_validation"]
