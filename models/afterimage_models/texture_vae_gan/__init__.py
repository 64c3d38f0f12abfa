"""Long textures: a latent, and paths of noise over time, to mel frames. Stands for VAE-GANs (Larsen et al. 2016)."""
