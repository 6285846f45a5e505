"""What a person sees of a search: the live view, the summary, the page, tables and figures."""

from nnloop.report.write import write_index, write_overview, write_run_page, write_validation

__all__ = ["write_index", "write_overview", "write_run_page", "write_validation"]
