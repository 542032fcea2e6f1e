"""The formats of a report (md, tex, html, pdf, docx): pandoc reads and writes, and functions change pandoc's tree."""
