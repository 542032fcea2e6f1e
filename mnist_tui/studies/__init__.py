"""Studies: several trainings that belong together (seeds, sweeps, reproductions). A study has its own folder."""
