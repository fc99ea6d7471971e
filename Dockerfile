# syntax=docker/dockerfile:1

# Builds the receiver and puts it into a small image. docs/run/docker.md says how to run it.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# The dependencies first, with an empty program: this layer is built anew only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches tests/it \
    && touch src/lib.rs benches/bare.rs tests/it/main.rs \
    && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked \
    && rm -r src
COPY config/default.toml config/default.toml
COPY src src
# Cargo goes by the time of a file, and the sources may be older than the empty program.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked

FROM debian:bookworm-slim
# The root certificates are for all that the receiver connects to: ERP, issuers of tokens, ACME, databases, brokers.
# hadolint ignore=DL3008 # the newest of the release, not the one of the day this was written
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /receiver --shell /usr/sbin/nologin tradecloud \
    && install -d -o tradecloud -g tradecloud -m 0700 /receiver /receiver/data
COPY --from=build /src/target/release/tradecloud-webhook /usr/local/bin/tradecloud-webhook
# The configuration is read from /receiver/config/receiver.toml, and secrets from /run/secrets.
# Nothing is written but /receiver/data: run it with --read-only.
WORKDIR /receiver
# Where SQLite sorts what does not fit into memory; there is no /tmp to write to.
ENV SQLITE_TMPDIR=/receiver/data
USER 10001:10001
VOLUME /receiver/data
EXPOSE 8443
STOPSIGNAL SIGTERM
# The admin address is the container's own loopback. bash, because the image has no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == *' 200 '* ]]"]
ENTRYPOINT ["tradecloud-webhook"]
CMD ["serve"]
