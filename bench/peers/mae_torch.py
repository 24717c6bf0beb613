"""The MAE step in eager PyTorch, as one would write it for speed: fused attention, fused AdamW.

Takes a config as JSON; answers each line with a number of steps by a JSON list of their times in ms.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(attended.transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Mae(nn.Module):
    def __init__(self, image_size, backbone, decoder, mask_ratio=0.75):
        super().__init__()
        self.patch = backbone["patchSize"]
        self.patches = (image_size // self.patch) ** 2
        self.visible = int(self.patches * (1 - mask_ratio))
        values, width, narrow = 3 * self.patch**2, backbone["width"], decoder["width"]
        self.embed = nn.Linear(values, width)
        # Fixed positions, as in MAE; their values do not matter to the time.
        self.register_buffer("encoder_positions", torch.randn(self.patches, width))
        self.encoder = nn.Sequential(*[Block(width, backbone["heads"]) for _ in range(backbone["depth"])])
        self.encoder_norm = nn.LayerNorm(width, eps=1e-6)
        self.to_decoder = nn.Linear(width, narrow)
        self.mask_token = nn.Parameter(torch.randn(narrow) * 0.02)
        self.register_buffer("decoder_positions", torch.randn(self.patches, narrow))
        self.decoder = nn.Sequential(*[Block(narrow, decoder["heads"]) for _ in range(decoder["depth"])])
        self.decoder_norm = nn.LayerNorm(narrow, eps=1e-6)
        self.pixels = nn.Linear(narrow, values)

    def patchify(self, images):
        b, h, w, c = images.shape
        p = self.patch
        return images.view(b, h // p, p, w // p, p, c).transpose(2, 3).reshape(b, -1, p * p * c)

    def pick(self, x, indices):
        return x.gather(1, indices[:, :, None].expand(-1, -1, x.shape[-1]))

    def forward(self, images):
        patches = self.patchify(images)
        b, n, _ = patches.shape
        shuffle = torch.rand(b, n).argsort(1)
        restore = shuffle.argsort(1)
        keep = shuffle[:, : self.visible]
        x = self.embed(self.pick(patches, keep)) + self.encoder_positions[keep]
        x = self.to_decoder(self.encoder_norm(self.encoder(x)))
        x = torch.cat([x, self.mask_token.expand(b, n - self.visible, -1)], 1)
        x = self.pick(x, restore) + self.decoder_positions
        x = self.pixels(self.decoder_norm(self.decoder(x)))
        mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
        target = (patches - mean) / (variance + 1e-6).sqrt()
        mask = (restore >= self.visible).float()
        return (((x - target) ** 2).mean(-1) * mask).sum() / mask.sum()


config = json.loads(sys.argv[1])
torch.set_num_threads(config["threads"])
torch.manual_seed(0)
model = Mae(config["imageSize"], config["backbone"], config["decoder"])
groups = [
    {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 0.05},
    {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)
images = torch.randn(config["batch"], config["imageSize"], config["imageSize"], 3)


def step():
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss = model(images)
    loss.backward()
    optimizer.step()
    loss.item()
    return (time.perf_counter() - start) * 1e3


step()
step()
print(json.dumps({"name": f"PyTorch {torch.__version__.split('+')[0]}, eager"}), flush=True)
for line in sys.stdin:
    print(json.dumps([step() for _ in range(int(line))]), flush=True)
