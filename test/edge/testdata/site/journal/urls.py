from django.urls import path

from journal import views

urlpatterns = [
    path("", views.home),
    path("submit/", views.submit),
    path("papers/<int:number>/", views.paper, name="paper"),
    path("papers/<int:number>/file/", views.download),
    path("statistics/<int:year>/", views.statistics),
    path("theme/", views.handed, {"target": "/handed/assets/css/main.css"}),
    path("figure/", views.handed, {"target": "/handed/content/physics//questions/mechanics/pendulum/clientFilesQuestion/picture.svg"}),
    path("nothing/", views.handed, {"target": "/handed/content/physics//infoCourse.json"}),
]
