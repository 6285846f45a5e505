"""What a person sees of a search: the live view, the summary, the page, tables and figures."""

from nnloop.report.figure import comparison, figure
from nnloop.report.write import write_report

__all__ = ["comparison", "figure", "write_report"]
