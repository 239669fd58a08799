"""Custom TFX components, a folder for each."""
