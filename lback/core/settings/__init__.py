"""Settings: defaults, where they are read from, and the checks of their values."""
