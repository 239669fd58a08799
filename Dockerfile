# Two images, both without root and fit for a read-only file system. `make images` builds them.
#
#   pipeline  runs pipelines: tasks of Kubeflow Pipelines, workers of Beam, the command `ringway`
#   serving   the model server, without TFX and Beam
#
# BASE_IMAGE is a Debian 13 with Python 3.13 as `python3`, its venv module, and certificates; for a
# GPU, one that also has the CUDA libraries of TensorFlow 2.21. How a package index is reached comes in
# as secrets, which no layer keeps: `settings` (variables, as a shell script), `certificates`, `netrc`.
ARG BASE_IMAGE=python:3.13-slim-trixie

# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS base
# Official images come without the standard library's bytecode, and later nobody may write it.
RUN groupadd --gid 10001 ringway \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /tmp ringway \
    && install --directory --owner=10001 --group=10001 /ringway-home /models \
    && python3 -c "import compileall, re, sysconfig; compileall.compile_dir( \
        sysconfig.get_path('stdlib'), quiet=2, rx=re.compile('/(site|dist)-packages/|/test/'))"
ENV HOME=/tmp \
    LANG=C.UTF-8 \
    PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RINGWAY_HOME=/ringway-home
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The Ringway authors"

FROM base AS builder
ENV UV_CACHE_DIR=/var/cache/uv \
    UV_LINK_MODE=copy
WORKDIR /opt/ringway
COPY . .

FROM builder AS pipeline-environment
RUN --mount=type=secret,id=settings \
    --mount=type=secret,id=certificates \
    --mount=type=secret,id=netrc \
    --mount=type=cache,target=/var/cache/uv \
    if [ -f /run/secrets/settings ]; then . /run/secrets/settings; fi \
    && python3 setup/image_environment.py pipeline /opt/venv \
    && mkdir -p /opt/apache/beam \
    && install --mode=755 setup/image_entry.sh /opt/apache/beam/boot \
    && rm -r requirements setup

FROM builder AS serving-environment
RUN --mount=type=secret,id=settings \
    --mount=type=secret,id=certificates \
    --mount=type=secret,id=netrc \
    --mount=type=cache,target=/var/cache/uv \
    if [ -f /run/secrets/settings ]; then . /run/secrets/settings; fi \
    && python3 setup/image_environment.py serving /opt/venv \
    && rm -r requirements setup

FROM base AS serving
COPY --from=serving-environment /opt/venv /opt/venv
COPY --from=serving-environment /opt/ringway /opt/ringway
LABEL org.opencontainers.image.title="ringway-serving" \
      org.opencontainers.image.description="A model server that speaks TensorFlow Serving's gRPC and REST"
USER 10001:10001
WORKDIR /tmp
EXPOSE 8500 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ.get('RINGWAY_HEALTH_URL', 'http://127.0.0.1:8501/healthz'), timeout=4)"]
ENTRYPOINT ["ringway-model-server"]
# As TensorFlow Serving's image does: the one model that is mounted.
CMD ["--port=8500", "--rest_api_port=8501", "--model_name=model", "--model_base_path=/models/model"]

FROM base AS pipeline
COPY --from=pipeline-environment /opt/apache /opt/apache
COPY --from=pipeline-environment /opt/venv /opt/venv
COPY --from=pipeline-environment /opt/ringway /opt/ringway
LABEL org.opencontainers.image.title="ringway-pipeline" \
      org.opencontainers.image.description="Runs pipelines: tasks of Kubeflow Pipelines, workers of Beam"
USER 10001:10001
WORKDIR /tmp
# What runs here is a batch: healthy is an installation that starts.
HEALTHCHECK --interval=60s --timeout=10s --retries=3 CMD ["ringway", "--help"]
# The name by which runners of Beam call it; setup/image_entry.sh says what it does.
ENTRYPOINT ["/opt/apache/beam/boot"]
CMD ["--help"]
