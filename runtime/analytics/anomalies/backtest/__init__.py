"""Backtest of the detectors: generated days of a shop with labelled incidents, and the scores of the detectors."""
