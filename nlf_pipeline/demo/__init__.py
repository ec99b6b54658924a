"""The synthetic scene with exact truth: rendered people, so that anybody can try and measure the pipeline."""
