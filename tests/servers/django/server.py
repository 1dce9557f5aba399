# A real authorization server (django-oauth-toolkit) for the tests. It holds no product code.
#
# Switches, all from the environment:
#   PORT           port on 127.0.0.1; 0 or unset takes a free one
#   FOLDER         where its database is made
#   GRACE          seconds for which a spent refresh token is still taken; 0 makes its reuse end the family
#   AT_TTL         seconds an access token lives (default 5)
#   END_WITH_STDIN 1 ends the process when its input closes, so that it never outlives its test
#
# Everybody signs in as "jo" with the password "x", on the pages that Django and the toolkit come with, which carry
# Cross-Origin-Opener-Policy: same-origin. Clients come from dynamic registration.
#
# /api/me says whose access token it was sent; /oracle?client_id= says how many refresh tokens live and died.
#
# Output: one JSON object a line. The first is {"event":"ready","port":…}.
import ctypes
import json
import os
import signal
import socket
import sys
import threading

import django
from django.conf import settings

PORT = int(os.environ.get("PORT", "0"))
GRACE = int(os.environ.get("GRACE", "0"))


def configure():
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        WSGI_APPLICATION=None,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGIN_URL="/admin/login/",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "django.contrib.staticfiles",
            "oauth2_provider",
        ],
        # The opener policy comes from SecurityMiddleware, as in any project that Django starts.
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="/static/",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.path.join(os.environ["FOLDER"], "django.db"),
                "OPTIONS": {"timeout": 20},
            }
        },
        # The default is slow on purpose, and nothing here is worth it.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "PKCE_REQUIRED": True,
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": GRACE,
            "ACCESS_TOKEN_EXPIRE_SECONDS": int(os.environ.get("AT_TTL", "5")),
            "DCR_ENABLED": True,
            "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
            "SCOPES": {"read": "Read your orders", "write": "Create orders for you"},
            "DEFAULT_SCOPES": ["read"],
            # Hashed like passwords: at every token request again.
            "CLIENT_SECRET_HASHER": "md5",
        },
        LOGGING={
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"stderr": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["stderr"], "level": "ERROR"},
            # Every refusal is a warning, and refusals are what is tested.
            "loggers": {"django.request": {"level": "ERROR"}, "oauthlib": {"level": "ERROR"}},
        },
    )
    django.setup()


def routes():
    from django.contrib import admin
    from django.http import JsonResponse
    from django.urls import include, path
    from oauth2_provider.models import RefreshToken
    from oauth2_provider.oauth2_backends import get_oauthlib_core

    def me(request):
        good, token = get_oauthlib_core().verify_request(request, scopes=[])
        if not good:
            # The toolkit's own decorator says 403, which RFC 6750 keeps for scopes.
            return JsonResponse({"error": "invalid_token"}, status=401)
        return JsonResponse({"id": str(token.user.pk), "email": token.user.email})

    def oracle(request):
        tokens = RefreshToken.objects.filter(application__client_id=request.GET["client_id"])
        live = tokens.filter(revoked__isnull=True).count()
        return JsonResponse({"live": live, "dead": tokens.count() - live})

    return [
        path("admin/", admin.site.urls),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("api/me", me),
        path("oracle", oracle),
    ]


def say(event, **detail):
    print(json.dumps({"event": event, **detail}), flush=True)


def serve():
    from django.core.wsgi import get_wsgi_application
    from gunicorn.app.base import BaseApplication

    listener = socket.create_server(("127.0.0.1", PORT))
    port = listener.getsockname()[1]

    def end_with_stdin():
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    def when_ready(_server):
        if os.environ.get("END_WITH_STDIN") == "1":
            threading.Thread(target=end_with_stdin, daemon=True).start()

    def post_worker_init(_worker):
        # The worker ends with the process that the test knows, however that ends (PR_SET_PDEATHSIG).
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        say("ready", port=port)

    class Server(BaseApplication):
        def load_config(self):
            for name, value in {
                "bind": [f"fd://{listener.fileno()}"],
                "workers": 1,
                "worker_class": "gthread",
                "threads": 4,
                "timeout": 120,
                "graceful_timeout": 1,
                "loglevel": "error",
                "control_socket_disable": True,
                "when_ready": when_ready,
                "post_worker_init": post_worker_init,
            }.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self):
            return get_wsgi_application()

    Server().run()


configure()
urlpatterns = routes()

if __name__ == "__main__":
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("jo", "jo@idp.test", "x")
    serve()
