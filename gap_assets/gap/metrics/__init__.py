"""The measures of the gap and the cone, one family a module."""
