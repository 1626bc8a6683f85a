"""The components of the pages, a file for each theme; each has a template in ui/ and a style sheet of the same name."""
