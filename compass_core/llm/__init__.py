"""The model: one gateway to it, and what it costs."""
