"""The `ringway` command; a module per verb."""
