"""A report's Markdown made into md, tex, html, pdf and docx: a tree changed by pure functions, written by pandoc."""
