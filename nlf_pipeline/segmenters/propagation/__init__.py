"""What following people with STCN is made of."""
