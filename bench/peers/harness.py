"""What a peer in PyTorch is asked for, one request a line: `{"do": "step" | "embed", "count": n}` is answered by a list of times
in ms, `{"do": "products", "size": [m, k, n]}` by GFLOP/s of the product and of its two gradients, `{"do": "peak"}` by the most bytes it has had, on a GPU of
that. On the CPU unless the config says `"device": "cuda"`, in `"precision"` fp32, tf32 (products alone) or bf16 (by autocast).
"""
import contextlib
import json
import resource
import sys
import time

import torch

config = json.loads(sys.argv[1])
torch.set_num_threads(config["threads"])
torch.manual_seed(0)
device, precision = config.get("device", "cpu"), config.get("precision", "fp32")
on_gpu = device == "cuda"
torch.set_default_device(device)
torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
torch.backends.cudnn.allow_tf32 = precision == "tf32"
torch.backends.cudnn.benchmark = True


def adamw(model):
    """Fused, as one would use it for speed."""
    return torch.optim.AdamW(decayed(model, 0.05), lr=1e-3, betas=(0.9, 0.95), fused=True)


def decayed(model, weight_decay):
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]


def batch(*shape):
    """A function that gives a batch of noise; to a GPU it comes from the host each time, as a loader's does."""
    values = torch.randn(*shape, device="cpu")
    if not on_gpu:
        return lambda: values
    pinned = values.pin_memory()
    return lambda: pinned.to(device, non_blocking=True)


def wait():
    if on_gpu:
        torch.cuda.synchronize()


def timed(run):
    wait()
    start = time.perf_counter()
    run()
    wait()
    return (time.perf_counter() - start) * 1e3


def products(m, k, n):
    x, w, y = torch.randn(m, k), torch.randn(k, n), torch.randn(m, n)
    runs = (lambda: x @ w, lambda: y @ w.T, lambda: x.T @ y)
    return [2 * m * k * n / min(timed(run) for _ in range(15)) / 1e6 for run in runs]


def serve(model, optimizer, loss, embed, after=lambda: None):
    """`loss()` of one batch, `embed()` of one, and what comes `after` an update."""
    if config.get("compile"):
        loss = torch.compile(loss)

    def autocast():
        return torch.autocast(device, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            value = loss()
        value.backward()
        optimizer.step()
        after()
        value.item()

    def embedding():
        with torch.no_grad(), autocast():
            embed()

    step()
    step()
    how = "compiled" if config.get("compile") else "eager"
    where = f", {device} {precision}" if on_gpu else ""
    print(json.dumps({"name": f"PyTorch {torch.__version__.split('+')[0]}, {how}{where}"}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        count = range(asked.get("count", 0))
        if asked["do"] == "step":
            answer = [timed(step) for _ in count]
        elif asked["do"] == "embed":
            model.eval()
            answer = [timed(embedding) for _ in count]
            model.train()
        elif asked["do"] == "products":
            answer = products(*asked["size"])
        elif on_gpu:
            answer = torch.cuda.max_memory_allocated()
        else:
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)
