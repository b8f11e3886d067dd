# Two images of one program: `docker build .` makes the one for CPUs,
# `docker build --target gpu .` the one for NVIDIA GPUs (CUDA 13, cuDNN 9).
# Both run as a user without rights and hold ffmpeg, ONNX Runtime and the program.

FROM golang:1.26-bookworm AS program
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.1.0-dev
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /motionmill ./cmd/motionmill

FROM python:3.12-slim-bookworm AS wheels
WORKDIR /wheels
COPY scripts/onnxruntime.txt scripts/onnxruntime-gpu.txt scripts/unpack_onnxruntime.py ./

FROM wheels AS library-cpu
RUN mkdir cpu && pip download --no-cache-dir --no-deps --only-binary=:all: --python-version 3.12 --require-hashes --dest cpu --requirement onnxruntime.txt \
  && python unpack_onnxruntime.py cpu onnxruntime.txt /library \
  && ln -s "$(basename /library/libonnxruntime.so.*)" /library/libonnxruntime.so

FROM wheels AS library-gpu
RUN mkdir gpu && pip download --no-cache-dir --no-deps --only-binary=:all: --python-version 3.12 --require-hashes --dest gpu --requirement onnxruntime-gpu.txt \
  && python unpack_onnxruntime.py gpu onnxruntime-gpu.txt /library \
  && ln -s "$(basename /library/libonnxruntime.so.*)" /library/libonnxruntime.so

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS gpu
# Of ffmpeg whatever security updates there are is wanted, not one version.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --no-install-recommends -y bubblewrap ca-certificates ffmpeg \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --create-home --home-dir /var/lib/motionmill motionmill \
  && mkdir /models
COPY --from=library-gpu /library /opt/motionmill/onnxruntime
COPY --from=program /motionmill /usr/local/bin/motionmill
ENV MOTIONMILL_ORT_LIBRARY=/opt/motionmill/onnxruntime/libonnxruntime.so \
    MOTIONMILL_MODELS_DIR=/models \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
USER 10001
WORKDIR /var/lib/motionmill
ENTRYPOINT ["motionmill"]
CMD ["work"]

FROM debian:bookworm-slim AS cpu
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --no-install-recommends -y bubblewrap ca-certificates ffmpeg \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --create-home --home-dir /var/lib/motionmill motionmill \
  && mkdir /models
COPY --from=library-cpu /library /opt/motionmill/onnxruntime
COPY --from=program /motionmill /usr/local/bin/motionmill
ENV MOTIONMILL_ORT_LIBRARY=/opt/motionmill/onnxruntime/libonnxruntime.so \
    MOTIONMILL_MODELS_DIR=/models
USER 10001
WORKDIR /var/lib/motionmill
ENTRYPOINT ["motionmill"]
CMD ["work"]
