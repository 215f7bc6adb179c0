# The program, its models and ONNX Runtime on a slim Debian. Needs BuildKit (Docker 23 or newer).

FROM python:3.12-slim-bookworm AS models
WORKDIR /src
COPY models models
RUN TURNWISE_MODEL_CACHE=/tmp/models python3 models/fetch.py

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin turnwise \
    && install -D target/release/turnwise /out/turnwise

# ONNX Runtime needs glibc 2.28 or newer; bookworm has 2.36.
FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/turnwise --create-home turnwise
COPY --from=build /out/turnwise /usr/local/bin/turnwise
COPY --from=models /src/models/manifest.toml /usr/share/turnwise/models/
COPY --from=models /src/models/onnxruntime /usr/share/turnwise/models/onnxruntime
COPY --from=models /src/models/all-MiniLM-L6-v2 /usr/share/turnwise/models/all-MiniLM-L6-v2
COPY --from=models /src/models/multilingual-e5-small /usr/share/turnwise/models/multilingual-e5-small

ENV TURNWISE_SERVER__LISTEN=0.0.0.0:8080 \
    TURNWISE_DATA__DIR=/var/lib/turnwise \
    TURNWISE_EMBEDDING__MODELS_DIR=/usr/share/turnwise/models
USER turnwise
WORKDIR /var/lib/turnwise
VOLUME /var/lib/turnwise
EXPOSE 8080
# The image has no HTTP client; bash can speak enough of it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ready HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r -t 4 _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["turnwise"]
CMD ["serve"]
