"""What the Snakefile needs: checked settings, locks, code versions, logs, summaries."""
