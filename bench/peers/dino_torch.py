"""The DINO step with a ViT in PyTorch: two large views and some small ones, a teacher that follows by one fused update."""
import copy

import torch
import torch.nn.functional as F
from torch import nn

from harness import adamw, batch, config, serve
from vit import Block


class Encoder(nn.Module):
    def __init__(self, image_size, local_size, backbone):
        super().__init__()
        self.patch = backbone["patchSize"]
        width = backbone["width"]
        self.embed = nn.Linear(3 * self.patch**2, width)
        # Fixed positions, for each size of view; their values do not matter to the time.
        for size in (image_size, local_size):
            self.register_buffer(f"positions{size}", torch.randn((size // self.patch) ** 2, width))
        self.blocks = nn.Sequential(*[Block(width, backbone["heads"]) for _ in range(backbone["depth"])])
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images):
        b, h, w, c = images.shape
        p = self.patch
        patches = images.view(b, h // p, p, w // p, p, c).transpose(2, 3).reshape(b, -1, p * p * c)
        return self.norm(self.blocks(self.embed(patches) + getattr(self, f"positions{h}"))).mean(1)


class Network(nn.Module):
    def __init__(self, encoder, width, head):
        super().__init__()
        self.encoder = encoder
        self.mlp = nn.Sequential(
            nn.Linear(width, head["hidden"]), nn.GELU(), nn.Linear(head["hidden"], head["hidden"]), nn.GELU(),
            nn.Linear(head["hidden"], head["bottleneck"]))
        self.prototypes = nn.Parameter(torch.randn(head["bottleneck"], head["prototypes"]))

    def forward(self, images):
        return F.normalize(self.mlp(self.encoder(images))) @ F.normalize(self.prototypes, dim=0)


size, local_size, count = config["imageSize"], config["localSize"], config["localViews"]
backbone, images = config["backbone"], config["batch"]
model = Network(Encoder(size, local_size, backbone), backbone["width"], config["head"])
teacher = copy.deepcopy(model).requires_grad_(False)
center = torch.zeros(config["head"]["prototypes"])
large, small = batch(2 * images, size, size, 3), batch(count * images, local_size, local_size, 3)
parameters, followers = list(model.parameters()), list(teacher.parameters())


def loss():
    globally, locally = large(), small()
    with torch.no_grad():
        outputs = teacher(globally).view(2, images, -1)
        targets = F.softmax((outputs - center) / 0.04, -1)
        center.mul_(0.9).add_(outputs.mean((0, 1)), alpha=0.1)
    student = F.log_softmax(torch.cat([model(globally), model(locally)]).view(2 + count, images, -1) / 0.1, -1)
    others = student.sum(0) - student[:2]
    return -(targets * others).sum((0, 2)).mean() / (2 * (1 + count))


def after():
    torch._foreach_lerp_(followers, parameters, 0.004)


class Clipped:
    """Clips the gradient of each parameter to a norm of its own, as DINO does, before the update."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.zero_grad = optimizer.zero_grad

    def step(self):
        grads = [p.grad for p in parameters]
        norms = torch._foreach_norm(grads)
        torch._foreach_mul_(grads, [(3 / (norm + 1e-6)).clamp(max=1) for norm in norms])
        self.optimizer.step()


serve(model, Clipped(adamw(model)), loss, lambda: teacher.encoder(large()[:images]), after)
