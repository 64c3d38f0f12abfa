"""What the models of pitched notes share: batches, trunk, training loop, knob space, evaluation, contact sheet."""
