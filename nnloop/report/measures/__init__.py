"""Searches and validations as records: read from disk, measured and compared."""
