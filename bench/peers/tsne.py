"""The t-SNE of scikit-learn or openTSNE as each is by default, from the principal components.

Takes a config as JSON; answers each line with a number of maps by a JSON list of the wall and CPU times of each in ms, and
leaves the coordinates of the last one, float64 [n, 2], in the file `map`.
"""
import json
import os
import sys
import time

config = json.loads(sys.argv[1])
# Before numpy is there: OpenMP and the BLAS read it once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(config["threads"])

import numpy as np

settings = {"perplexity": 30, "n_jobs": config["threads"], "random_state": 0}
if config["library"] == "scikit-learn":
    import sklearn
    from sklearn.manifold import TSNE

    name = f"scikit-learn {sklearn.__version__}"
    tsne = TSNE(init="pca", learning_rate="auto", **settings)
    embed = tsne.fit_transform
else:
    import openTSNE

    name = f"openTSNE {openTSNE.__version__}"
    tsne = openTSNE.TSNE(initialization="pca", **settings)
    embed = tsne.fit

points = np.fromfile(config["points"], dtype=np.float32).reshape(-1, config["width"])


def timed(which):
    wall, cpu = time.perf_counter(), time.process_time()
    result = embed(which)
    times = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
    np.asarray(result, dtype=np.float64).tofile(config["map"])
    return times


timed(points[:500])  # what is compiled and loaded on first use
print(json.dumps({"name": name}), flush=True)
for line in sys.stdin:
    print(json.dumps([ms for _ in range(int(line)) for ms in timed(points)]), flush=True)
