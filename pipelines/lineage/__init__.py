"""Questions to ML Metadata: what made this model, why did this node run, how do two runs differ.

url, reachability, store   a URL becomes an open store, or an error that says what to do
graph -> records           the store becomes a frozen `History`
model_lineage, why, run_diff, changes    pure functions over a `History`
contents                   the few files that artifacts point to
render, html, picture      answers as text, JSON, and one self-contained page
"""
