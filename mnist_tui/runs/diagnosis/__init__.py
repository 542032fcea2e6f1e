"""The diagnosis of a run: rules that say in plain words what its figures mean."""
