"""Tables and strips of figures."""
