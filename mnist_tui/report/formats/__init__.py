"""A report's Markdown made into md, tex, html, pdf and docx: pandoc reads and writes, functions change its tree."""
