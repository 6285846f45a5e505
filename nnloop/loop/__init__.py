"""One search: open `search` first."""
