"""Raise an exception that can't be shown.

expect: build_failed
reason: can't be shown
"""


class UnspeakableError(Exception):
    def __str__(self):
        raise ValueError


raise UnspeakableError
