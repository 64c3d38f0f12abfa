"""An LSTM over the events of folk tunes and chorales, conditioned on kind and metre."""
