"""The journal of an investigation: what was done before a crash is not done again after it."""
