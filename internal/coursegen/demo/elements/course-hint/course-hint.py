def render(element_html, data):
    """Show a hint after the first wrong answer."""
    return "" if data["num_valid_submissions"] == 0 else element_html
