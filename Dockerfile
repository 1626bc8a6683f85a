# One image for web and worker. Its steps are the Makefile's (a test compares them).
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python3 -m venv .venv
COPY requirements.lock .
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile --require-hashes -r requirements.lock \
    && .venv/bin/python -m compileall -q -j 0 .venv/lib
COPY manage.py ./
COPY registry registry
COPY assessments assessments
COPY modelrisk modelrisk
COPY templates templates
COPY static static
RUN .venv/bin/python -m compileall -q registry assessments modelrisk
# Machine code for the processor it is built on; on another one, the first run compiles anew.
RUN .venv/bin/python -m assessments.battery.kernels

FROM python:3.11-slim-bookworm
# libseccomp2: the sandbox's system-call filter. libgomp1: OpenMP for scikit-learn's and LightGBM's wheels.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/modelrisk --shell /usr/sbin/nologin modelrisk \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/modelrisk
# Root owns the code and the service cannot change it: the file system may be mounted read-only.
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MODELRISK_STATE_DIR=/var/lib/modelrisk
USER 10001:10001
VOLUME /var/lib/modelrisk
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "/app/manage.py"]
CMD ["serve", "--bind", "0.0.0.0:8000"]
