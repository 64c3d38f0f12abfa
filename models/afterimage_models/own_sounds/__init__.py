"""A folder of a user's own sounds to a playable pack: scan, notes, fine-tuning of a shipped model, export, card."""
