"""The figures of a report: functions that turn plain values into a `Drawing`, which matplotlib paints later."""
