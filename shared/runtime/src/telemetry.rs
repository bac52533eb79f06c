//! Logs as JSON lines on standard output (or text for people on standard error), metrics as CloudWatch EMF lines.
