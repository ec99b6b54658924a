"""Which videos a run takes, each with its own settings."""
