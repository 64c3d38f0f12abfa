"""The pitched latent instrument: a structured decoder, its encoder, training, latent space, export, evaluation."""
