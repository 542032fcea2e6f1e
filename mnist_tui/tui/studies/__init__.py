"""The screens of studies: the list of all, and one study as it happens."""
