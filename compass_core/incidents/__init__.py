"""The places where incidents are known."""
