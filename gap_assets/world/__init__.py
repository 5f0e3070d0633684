"""The drawn world: sample videos with known truth, and the training of the embedded models."""
