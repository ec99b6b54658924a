"""Cameras that travel: solved from points by structure from motion, and checked."""
