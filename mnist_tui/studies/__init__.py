"""Studies: trainings that belong together (seeds, sweeps, reproductions). A study is a folder that names its runs."""
