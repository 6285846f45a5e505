"""What finished runs say, as records: read, measured, compared."""
