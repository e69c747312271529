"""Serve one GGUF file as an OpenAI-compatible endpoint: `python local_model_server.py FILE KEY`, until standard input ends.

Runs in an interpreter that has `xllamacpp`, not in Tenor's own. Prints the address. Set OMP_WAIT_POLICY=passive: threads
that spin make a shared machine look hung.
"""

import sys

import xllamacpp  # type: ignore[import-not-found]  # of the other interpreter

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.api_keys = [sys.argv[2]]
params.port = 0
params.n_ctx = 8192
params.n_parallel = 1
params.warmup = False
server = xllamacpp.Server(params)
sys.stdout.write(server.listening_address + "\n")
sys.stdout.flush()
sys.stdin.read()
