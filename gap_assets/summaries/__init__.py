"""From the captions of a video to one sentence about it, by a language model."""
