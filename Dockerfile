# syntax=docker/dockerfile:1
# The service as a small image: docker build --tag icefront .
# Images are named by tag here, so that Dependabot raises them. A release resolves each tag once, builds on that digest and records it below.

FROM rust:1.95.0-trixie AS builder
WORKDIR /build
COPY . .
# The caches outlive the layer, so a change of the sources compiles only what depends on it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/usr/local/cargo/git \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin icefront \
    && install -D target/release/icefront /out/icefront

# Debian rather than an image without a shell: the health check needs bash.
FROM debian:trixie-slim
ARG VERSION=dev
ARG REVISION=unknown
ARG BASE_DIGEST=unknown
LABEL org.opencontainers.image.title="Icefront" \
      org.opencontainers.image.description="Change data pipelines on Trino and Apache Iceberg behind one REST API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"

# Certificates are taken as new as they come: a pinned version would be gone at the next rebuild.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin icefront \
    && install -d /etc/icefront/pipelines

COPY --from=builder /out/icefront /usr/local/bin/icefront

# What differs in a container from the defaults: nobody outside reaches its loopback, and pipelines are mounted into an empty folder.
ENV ICEFRONT__HTTP__BIND=0.0.0.0:7070 \
    ICEFRONT__HTTP__METRICS_BIND=0.0.0.0:7071 \
    ICEFRONT__PIPELINES__PATH=/etc/icefront/pipelines

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 7070 7071

# bash speaks HTTP well enough, so the image needs no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7070 && printf 'GET /livez HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["icefront"]
CMD ["serve"]
