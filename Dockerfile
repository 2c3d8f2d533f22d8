# Notebooks, data and command line in a container, without CUDA; Binder builds it as well. docs/environments.md says how to use it.
FROM python:3.11-slim-bookworm

RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*

ARG NB_USER=jovyan
ARG NB_UID=1000
RUN useradd --create-home --uid ${NB_UID} ${NB_USER}
ENV USER=${NB_USER} HOME=/home/${NB_USER}
COPY --chown=${NB_UID} . ${HOME}/selfme
RUN chown ${NB_UID} ${HOME}/selfme
USER ${NB_USER}
WORKDIR ${HOME}/selfme

ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
RUN make .venv/installed
ENV PATH=${HOME}/selfme/.venv/bin:${PATH}

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "notebooks/00_start_here.ipynb"]
