from django.urls import path

from api.health import live, ready
from api.views import graphql

urlpatterns = [
    path("graphql", graphql, name="graphql"),
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
]
