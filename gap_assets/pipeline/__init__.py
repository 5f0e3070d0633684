"""The stages of the graph without Dagster: what a run does, for any caller."""
