"""What we claim about speed, runnable by anyone: `make bench`. A file prints one JSON line last; no test depends on it."""
