"""The commands beside the search, one file each; every file has run(settings, folder, out)."""
