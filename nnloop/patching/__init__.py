"""Apply the diff that an LLM wrote to a source text: a library that imports nothing else of nnloop.

`patch.apply_patch(source, patch)` returns the patched source and the place of every hunk, or raises a `PatchError` with
its kind and reason; the docstring of `patch` has the rules. From a shell,
`python -m nnloop.patching.patch BASE DIFF [FUZZ]` prints the patched file.
"""
