"""The command line: one file for each family of commands. They parse, call and print; other packages compute."""
