"""Secrets out of text, where text comes in."""
