"""From observations to ranked causes."""
