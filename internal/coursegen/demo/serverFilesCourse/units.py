"""Units for answers: what a student types, and what it means in SI."""

FACTORS = {"m": 1.0, "cm": 0.01, "km": 1000.0, "s": 1.0, "ms": 0.001, "h": 3600.0}


def to_si(value, unit):
    return value * FACTORS[unit]
