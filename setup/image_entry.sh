#!/bin/sh
# The entry point of the pipeline image. A runner of Beam starts a worker with flags alone, such as
# --id=1 or --worker_pool; all else is a command line of `ringway`.
case "${1---help}" in
  --help) ;;
  --*) exec python -m pipelines.runners.beam.boot "$@" ;;
esac
exec ringway "$@"
