"""What a run's figures say, in plain words, rule by rule."""
