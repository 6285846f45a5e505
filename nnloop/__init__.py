"""LLM-driven neural architecture search as a closed loop."""

__version__ = "0.1.0"
