"""The pages: self-contained HTML."""
