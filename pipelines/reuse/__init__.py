"""Whether an older version goes back into service instead of a new one being trained.

candidates   which versions may be asked; pure
pipeline     NAME-reuse: the newest span, and VersionSelector over the versions
check        `choose`, which the loop calls before it trains
"""
