"""Cameras that turn and zoom on the spot: solved from points, told from others, and checked."""
