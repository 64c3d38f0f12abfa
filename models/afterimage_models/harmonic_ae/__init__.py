"""A plain autoencoder of pitched notes over partials, inharmonicity and noise bands."""
