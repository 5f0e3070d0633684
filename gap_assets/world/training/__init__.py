"""The training of the embedded models on the drawn world, and their cards."""
