"""Taking the data set in, proven against a hub of our own."""
