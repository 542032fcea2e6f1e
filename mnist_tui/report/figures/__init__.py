"""The figures of a report. Plain values become a drawing, its data beside it; matplotlib is imported to paint only."""
