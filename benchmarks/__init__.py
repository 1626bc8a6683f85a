"""What we claim about speed: `make bench` runs each file, which prints one JSON line last. No test depends on it."""
