"""How far jobs and videos are, and how they ended."""
