"""Files of the reference models: which there are, where they come from, whether they are what they were."""
