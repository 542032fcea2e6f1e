"""What a report draws: plain values in, a drawing out, its data beside it. matplotlib is imported only to paint."""
