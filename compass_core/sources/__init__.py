"""Clients of telemetry backends, all behind the same ports."""
