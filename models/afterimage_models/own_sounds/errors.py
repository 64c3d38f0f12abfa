"""What can be wrong with a folder of sounds, in one sentence that names the file or folder and the fix."""


class SoundError(ValueError):
    """One file that cannot be used; the others go on."""


class FolderError(ValueError):
    """The folder cannot be used."""
