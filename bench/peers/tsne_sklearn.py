"""The t-SNE of scikit-learn with the settings of ours, on one thread.

Takes a config as JSON; answers each line with a number of maps by a JSON list of their CPU times in ms.
"""
import json
import os
import sys
import time

# Before numpy is there: OpenMP and the BLAS read it once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import sklearn
from sklearn.manifold import TSNE

config = json.loads(sys.argv[1])
points = np.fromfile(config["file"], dtype=np.float32).reshape(-1, config["width"])


def embed(iterations):
    # Ours has no early end, so neither limit may bring one here.
    never = {"min_grad_norm": 0, "n_iter_without_progress": iterations}
    tsne = TSNE(perplexity=30, init="pca", learning_rate="auto", max_iter=iterations, n_jobs=1, random_state=0, **never)
    start = time.process_time()
    tsne.fit(points)
    return (time.process_time() - start) * 1e3


embed(250)
print(json.dumps({"name": f"scikit-learn {sklearn.__version__}"}), flush=True)
for line in sys.stdin:
    print(json.dumps([embed(config["iterations"]) for _ in range(int(line))]), flush=True)
