"""Reading videos: what a file is, its frames, its parts, and copies that browsers play. Knows no model."""
