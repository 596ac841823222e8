"""The three specialists."""
