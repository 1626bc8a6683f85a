"""What every layer raises when it cannot be put on. Imports nothing: it is the first thing a child loads."""


class NotConfined(RuntimeError):
    """A layer that this run was to have could not be put on; nothing may run."""
