# Built in one stage, run in another that has no compiler, no pip and no tests.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python3 -m venv /opt/flowtrack \
 && /opt/flowtrack/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
RUN /opt/build/bin/python -m hatchling build -t wheel -d /build/dist \
 && /opt/flowtrack/bin/pip install --no-cache-dir --no-deps --no-index /build/dist/*.whl \
 && /opt/flowtrack/bin/python -m compileall -q /opt/flowtrack/lib \
 && rm -rf /opt/flowtrack/bin/pip* /opt/flowtrack/lib/python3*/site-packages/pip* \
           /opt/flowtrack/lib/python3*/site-packages/setuptools* /opt/flowtrack/lib/python3*/site-packages/pkg_resources

FROM python:3.11-slim
# The base brings pip, and ensurepip that would bring it back; nobody installs anything in a running server.
RUN groupadd --system --gid 10001 flowtrack && useradd --system --uid 10001 --gid 10001 --home-dir /data flowtrack \
 && mkdir /data && chown 10001:10001 /data \
 && rm -rf /usr/bin/pip* /usr/local/bin/pip* \
 && find /usr/lib /usr/local/lib -depth -type d \
      \( -path '*-packages/pip*' -o -path '*-packages/setuptools*' -o -name ensurepip \) -exec rm -rf {} +
COPY --from=build /opt/flowtrack /opt/flowtrack
ENV PATH=/opt/flowtrack/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FLOWTRACK_HOST=0.0.0.0 FLOWTRACK_DATA_DIR=/data PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# /health/ready waits up to 3 seconds for the database before it answers 503.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/ready', timeout=4)"]
CMD ["flowtrack", "serve"]
# Last, since they differ from one build to the next: `make image` knows them.
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="FlowTrack" \
      org.opencontainers.image.description="Project work and team collaboration for many companies, in one open edition" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
