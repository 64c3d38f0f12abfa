"""What a user is told when a module does not become a pack."""


class ExportError(ValueError):
    """One sentence: the tensor or field, what was found, and what to do."""
