"""Custom TFX components; empty until the first one lands."""
