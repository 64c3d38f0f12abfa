"""A user's own module as a pack: `afterimage_models.export`. Only `graph`, `checks` and `pack` need torch."""
