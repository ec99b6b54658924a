"""What is asked of Slurm, besides what Snakemake's plugin asks."""
