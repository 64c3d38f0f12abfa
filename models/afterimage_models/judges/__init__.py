"""What the project says about sound in numbers, on WAV files that the plugin wrote."""
