import time

from django.contrib import messages
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from journal.models import Paper


def home(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "home.html", {"count": Paper.objects.count(), "visits": request.session["visits"]})


def submit(request):
    if request.method != "POST":
        return render(request, "submit.html")
    paper = Paper.objects.create(title=request.POST["title"], file=request.FILES["file"])
    messages.info(request, "stored")
    return redirect("paper", paper.id)


def paper(request, number):
    def look():
        p = get_object_or_404(Paper, id=number)
        with p.file.open() as f:
            return {"title": p.title, "size": len(f.read()), "name": p.file.name}

    key = f"paper:{number}"
    answer = {"cached": cache.get(key) is not None, **cache.get_or_set(key, look, 300)}
    answer["messages"] = [str(m) for m in messages.get_messages(request)]
    return JsonResponse(answer)


def download(request, number):
    p = get_object_or_404(Paper, id=number)
    return HttpResponse(headers={
        "X-Accel-Redirect": "/handed/papers/" + p.file.name, "Content-Disposition": f'attachment; filename="{p.title}.pdf"',
    })


def handed(request, target):
    return HttpResponse(headers={"X-Accel-Redirect": target})


def statistics(request, year):
    time.sleep(0.2)  # in the application
    with connection.cursor() as c:
        c.execute("SELECT pg_sleep(0.3)")
        c.fetchall()
    return HttpResponse(f"statistics of {year}")
