"""A new version reaches its users step by step, or goes back: pure routing and promotion."""
