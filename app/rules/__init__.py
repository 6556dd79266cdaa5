"""What may be trusted and done: pure functions that look at their arguments and nothing else."""
