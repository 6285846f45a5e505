"""The commands beside the search, a file each and named for it: run(settings, folder, out)."""
