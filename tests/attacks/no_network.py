"""Hold no network.

expect: build_failed
reason: no class Net
"""
