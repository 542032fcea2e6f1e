"""What goes wrong with data, as a sentence for the person. No numpy here."""


class DataError(ValueError):
    """A file or folder of data cannot be used; the message says which, why, and what would be right."""


class MissingDataError(DataError):
    """A dataset is in none of the places searched and could not be downloaded; nothing found was wrong."""
