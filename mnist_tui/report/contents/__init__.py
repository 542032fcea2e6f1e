"""What a report says, gathered from evidence: a file a topic. No Markdown but escapes, links and formulas."""

from mnist_tui.report.contents.documents import build_report as report
