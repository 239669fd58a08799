"""The local runner; `runner.run` is where it begins."""
