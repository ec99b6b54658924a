"""A user's corrections of who is who: the edits, their file, and the picture by which to find them."""
