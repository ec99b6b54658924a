"""Metres from people: planted feet, the floor under them, and sizes that the user knows."""
