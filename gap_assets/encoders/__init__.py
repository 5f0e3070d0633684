"""Encoders by name: pictures or videos, and texts, to unit vectors of one space.

Belongs here: names, loading, and an adapter for each library that models come from. Which frames
and texts are embedded, and where the vectors are kept, is `pipeline`'s and `warehouse`'s business.
The modules that compute are torch code; code that must stay light imports them inside functions.
"""
