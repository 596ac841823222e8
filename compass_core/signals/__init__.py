"""The catalogue: which metric families, log phrases and span attributes mean what."""
