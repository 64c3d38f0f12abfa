"""What the adversarial models share: critics, losses, augmentation of what critics see, and the clock of a run."""
