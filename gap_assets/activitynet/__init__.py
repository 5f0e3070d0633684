"""Takes the data set ActivityNet Captions in. What a captions file holds is `references`."""
