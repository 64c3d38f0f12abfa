"""A vector-quantised autoencoder of pitched notes over a logarithmic frequency axis, its codes chosen by knobs."""
