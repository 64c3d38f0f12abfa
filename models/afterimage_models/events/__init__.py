"""Symbolic music: pieces of notes and bars, their tokens, sampling and what is measured on them."""
