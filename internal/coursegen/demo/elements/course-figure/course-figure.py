def render(element_html, data):
    """Show a picture of the question with its caption."""
    return f'<figure><img src="{data["options"]["client_files_question_url"]}/picture.svg" alt=""></figure>'
