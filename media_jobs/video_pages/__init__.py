"""Pages of videos: the list with the place for new ones, one video with its player, charts and people."""
