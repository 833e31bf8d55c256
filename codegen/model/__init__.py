"""What a spec means: names resolved, types known. Generators see nothing else."""
