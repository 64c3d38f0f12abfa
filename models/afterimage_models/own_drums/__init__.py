"""A folder of a user's own drum hits to a playable kit: scan, fine-tuning of the shipped drum GAN, export, card."""
