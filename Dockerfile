# The command line and the page, with PyTorch for the CPU: docker run --rm -p 127.0.0.1:8000:8000 genrebench
FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/genrebench
# PyTorch by itself: it is by far the largest part, and stays as it is while the rest changes.
RUN /opt/genrebench/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch
COPY . .
# hadolint ignore=DL3059
RUN /opt/genrebench/bin/pip install --no-cache-dir '.[torch,web]'

FROM python:3.12-slim
COPY --from=build /opt/genrebench /opt/genrebench
RUN useradd --create-home --uid 1000 listener
# By its number, from which a cluster sees that it is not root.
USER 1000
WORKDIR /home/listener
ENV PATH=/opt/genrebench/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["genrebench"]
# A container's address is not its host's: what is published with -p decides who reaches it.
CMD ["serve", "--host", "0.0.0.0", "--model", "builtin"]
