"""Apply the diff that an LLM wrote to a source text. Knows nothing of the loop."""
