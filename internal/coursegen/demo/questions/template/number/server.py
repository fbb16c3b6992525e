from units import to_si


def grade(data):
    """Compare in SI, within two percent."""
    given = to_si(data["submitted_answers"]["x"], data["params"]["unit"])
    right = data["correct_answers"]["x"]
    data["score"] = 1 if abs(given - right) <= 0.02 * abs(right) else 0
