"""A WaveNet that continues sound sample by sample, conditioned on a label."""
