"""Windows of frames that are solved together, and shots made of them."""
