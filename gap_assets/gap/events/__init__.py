"""The gap in time: sentences that say when they are true, against the frames of then.

A comparison with frames is by their mean without making it a unit vector again: a cosine is then
the mean over single frames, and no gap depends on how much the frames of an event differ. Videos
are resampled with all of their events, for the events of a video are no independent draws.
"""
