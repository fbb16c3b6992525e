# The assets of docs/numbers.md by WhiteNoise in a Django project, as WhiteNoise's documentation sets it up; it is told which names
# hold a digest.
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY="of a benchmark",
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware"],
    ROOT_URLCONF=__name__,
    STATIC_URL="/static/",
    STATIC_ROOT=os.environ["ASSETS"],
    WHITENOISE_IMMUTABLE_FILE_TEST=r"\.[0-9a-f]{12}\.[^/]+$",
)
urlpatterns = []
application = get_wsgi_application()
