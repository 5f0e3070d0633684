"""Video files to pictures: opening safely, choosing frames, decoding exactly those, storing them.

`probe` describes a file, `frames` samples it, `sampling` says which frames are wanted. Nothing in
here knows of models, tables or Dagster.
"""
