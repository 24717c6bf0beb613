"""The measures of agreement.ts by scikit-learn, SciPy and NumPy. Takes a config as JSON; answers with a JSON object."""
import json
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import xlogy
from sklearn.cluster import KMeans
from sklearn.manifold import trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities_nn
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

config = json.loads(sys.argv[1])
x = np.fromfile(config["embeddings"], dtype=np.float32).reshape(-1, config["width"]).astype(np.float64)
labels = np.fromfile(config["labels"], dtype=np.int32)
start = np.fromfile(config["start"], dtype=np.float64).reshape(-1, config["width"])
sample = np.fromfile(config["sample"], dtype=np.int32)
y = np.fromfile(config["map"], dtype=np.float64).reshape(-1, 2)

unit = x / np.linalg.norm(x, axis=1, keepdims=True)
means = KMeans(config["classes"], init=start, n_init=1, tol=0, max_iter=1000, algorithm="lloyd").fit(unit)
table = contingency_matrix(labels, means.labels_)
classes, clusters = linear_sum_assignment(-table)

weights = lambda distance: np.exp(-distance / config["temperature"])  # of a cosine distance, 1 - similarity
knn = KNeighborsClassifier(config["k"], metric="cosine", weights=weights).fit(x[0::2][: len(x) // 2], labels[0::2][: len(x) // 2])

singular = np.linalg.svd(x, compute_uv=False)
p = singular / singular.sum() + 1e-7


def divergence(x, y, perplexity):
    n = len(x)
    count = min(n - 1, int(3 * perplexity + 1))
    graph = NearestNeighbors(n_neighbors=count).fit(x).kneighbors_graph(mode="distance")
    graph.data **= 2
    joint = _joint_probabilities_nn(graph, perplexity, 0).tocoo()
    z = 0.0
    for row in y:
        z += (1 / (1 + ((y - row) ** 2).sum(axis=1))).sum()
    z -= n
    q = 1 / (1 + ((y[joint.row] - y[joint.col]) ** 2).sum(axis=1)) / z
    return float((xlogy(joint.data, joint.data) - xlogy(joint.data, q)).sum())


print(json.dumps({
    "kNN accuracy": knn.score(x[1::2], labels[1::2]),
    "k-means inertia": float(means.inertia_),
    "Hungarian accuracy": float(table[classes, clusters].sum() / len(x)),
    "NMI": float(normalized_mutual_info_score(labels, means.labels_)),
    "ARI": float(adjusted_rand_score(labels, means.labels_)),
    "silhouette": float(silhouette_score(unit[sample], means.labels_[sample])),
    "RankMe": float(np.exp(-(p * np.log(p)).sum())),
    "trustworthiness": float(trustworthiness(x[sample], y[sample], n_neighbors=config["trusted"])),
    "KL divergence of the map": divergence(x, y, config["perplexity"]),
}))
