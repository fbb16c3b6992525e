# A stock Django project in one file: sessions, CSRF protection, the security middleware, no word of what stands in front.
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path

settings.configure(
    DEBUG=False,
    SECRET_KEY="a key of the test",
    ALLOWED_HOSTS=["site.example.org"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SECURE_SSL_REDIRECT=os.environ.get("SITE_TLS") == "1",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)


def form(request):
    if request.method == "POST":
        request.session["title"] = request.POST["title"]
        return HttpResponse("saved")
    return HttpResponse(get_token(request))


def show(request):
    return JsonResponse({"title": request.session.get("title"), "secure": request.is_secure(), "url": request.build_absolute_uri()})


urlpatterns = [path("form/", form), path("show/", show)]
application = get_wsgi_application()
