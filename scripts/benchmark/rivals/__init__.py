"""Programs that ask the same checks with other people's tools; they run in a virtual environment of those tools."""
