"""What happens to captions between the caption decoder and the summary: repeats are dropped."""
