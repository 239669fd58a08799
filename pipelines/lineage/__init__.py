"""Questions to ML Metadata: what made this model, why did this node run, how do two runs differ.

- url, reachability, postgresql, store: a URL becomes an open store, or an error with a remedy.
- graph, records: the store becomes a frozen `History`.
- model_lineage, data_uses, why, run_diff, changes: pure functions over a `History`.
- contents: the few files that artifacts point to.
- documents, render, page, layout: answers as JSON, as text, and as one self-contained page.
"""
