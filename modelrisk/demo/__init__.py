"""The demonstration: synthetic people, two models, and the whole path from upload to decision through the real code."""
