"""Physical constants."""

SPEED_OF_LIGHT = 299792.458
"""km/s."""
