"""A run on disk: its folder, its journals, its lock, and forks of it."""
