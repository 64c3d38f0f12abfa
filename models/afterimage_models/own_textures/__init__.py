"""A folder of a user's own textures to a playable drone: scan, fine-tuning of the shipped VAE-GAN, export, card."""
