"""The editor's form: what can be edited and the working copy (free of Textual), and the widgets that show them."""
