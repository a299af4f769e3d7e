"""Programs that make the project's own weights."""
