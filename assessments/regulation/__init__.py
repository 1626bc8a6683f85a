"""What regulators and standards ask, as dated data, and which tests give evidence toward it."""
