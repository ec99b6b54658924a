"""Mistakes a user can make, told without a traceback."""


class UserError(Exception):
    """Something the user can cure. The message says what was found, what was expected and the cure."""


class ArtefactError(UserError):
    """A file that passes between stages is missing, damaged or of another version."""
