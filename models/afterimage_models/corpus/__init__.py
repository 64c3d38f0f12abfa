"""Recordings that continuers are trained on: tunes and chorales on instruments, drum patterns, textures, labelled.

`python -m afterimage_models corpus --out FOLDER` writes them. Scores come from music21's public-domain collections,
sounds from two freely licensed sound fonts and from a CC0 package; the recordings are ours.
"""
