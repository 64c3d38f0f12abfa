"""Training, export and judging of the models that Afterimage ships."""

__version__ = "0.1.0"
