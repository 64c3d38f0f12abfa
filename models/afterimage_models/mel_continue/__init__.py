"""MelNet-like continuation: mel frames drawn one after another, and inside a frame band after band."""
