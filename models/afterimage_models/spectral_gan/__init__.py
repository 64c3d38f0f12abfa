"""One-shots by class from noise alone: a plain conditional GAN on linear magnitudes, without encoder or descriptors."""
