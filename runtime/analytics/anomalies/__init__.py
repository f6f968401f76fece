"""Anomaly detection in time series: findings with a beginning and an end. Pure functions of arrays."""
