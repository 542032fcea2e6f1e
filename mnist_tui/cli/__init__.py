"""The command line: a file a command family. Parse, call, print; what is computed is computed elsewhere."""
