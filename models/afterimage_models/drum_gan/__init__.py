"""One-shot drums: class, perceptual descriptors and a latent to a log-amplitude spectrogram. Stands for DrumGAN."""
