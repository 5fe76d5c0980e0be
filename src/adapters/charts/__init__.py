"""Drawing, by pygal."""
