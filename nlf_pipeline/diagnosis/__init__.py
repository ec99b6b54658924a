"""What `nlf-pipeline doctor` looks at: facts are gathered apart from their judgement, which is pure."""
