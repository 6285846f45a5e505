"""What a person sees of a search: the live view, the summary, the page, tables and figures."""
