"""Points of the background, followed from picture to picture."""
