"""Traces by OpenTelemetry, sent by OTLP over HTTP. Loaded where they are asked for, and nowhere else."""
