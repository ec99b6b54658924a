"""A camera beside the people: who it has to show, where it stands, and how it gets there."""
