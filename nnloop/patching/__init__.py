"""Apply the diff that an LLM wrote to a source text: a library that imports nothing else of nnloop.

`patch.apply_patch(source, patch)` gives the patched source and the place of every hunk, or raises a `PatchError` with
its kind and reason; the table of rules stands in `patch`. From a shell, `python -m nnloop.patching.patch BASE DIFF`
prints the patched file.
"""
