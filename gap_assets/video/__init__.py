"""Video files to pictures: opening safely, choosing frames, decoding exactly those, storing them.

`probe` describes a file, `frames` samples it, `sampling` says which frames are wanted, and
`isolated` runs them in processes that may die. Nothing in here knows of models, tables or Dagster.
"""
