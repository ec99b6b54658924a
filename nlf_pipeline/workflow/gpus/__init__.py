"""The GPUs of this host, and jobs that share them."""
