"""juke: a two-level VQ-VAE over mel frames, and a prior over its tokens that is named a label and hears a prompt."""
